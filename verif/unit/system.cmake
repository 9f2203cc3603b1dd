# SPDX-License-Identifier: Apache-2.0
# Unit benches of everything around the execute unit.
function(aap_system_test name)
  aap_configured_test(${name} ${ARGN})
  target_link_libraries(test_${name} PRIVATE fmt::fmt)
endfunction()

aap_system_test(unit_fifo TOP aap_fifo SOURCE fifo_test.cc PARAMS Width=37 Depth=8)
aap_system_test(unit_fifo_two TOP aap_fifo SOURCE fifo_test.cc PARAMS Width=9 Depth=2)
aap_system_test(unit_tokens TOP aap_tokens SOURCE tokens_test.cc)
aap_system_test(unit_csr TOP aap_csr SOURCE csr_test.cc PARAMS AddrWidth=32 TimerWidth=32 ConfigHash=0x12345678)
aap_system_test(unit_csr_small TOP aap_csr SOURCE csr_test.cc PARAMS AddrWidth=20 TimerWidth=20 ConfigHash=0x12345678)
aap_system_test(unit_control TOP aap_control SOURCE control_test.cc PARAMS AddrWidth=32 PerfCounters=1)
aap_system_test(unit_queues TOP aap_queues SOURCE queues_test.cc PARAMS AxiDataWidth=128 QueueDepth=4)
aap_system_test(unit_queues_w32 TOP aap_queues SOURCE queues_test.cc PARAMS AxiDataWidth=32 QueueDepth=2)
aap_system_test(unit_fetch TOP aap_fetch SOURCE fetch_test.cc PARAMS AxiDataWidth=128 AddrWidth=32 ConfigHash=0x12345678)
aap_system_test(unit_fetch_w32 TOP aap_fetch SOURCE fetch_test.cc PARAMS AxiDataWidth=32 AddrWidth=20 ConfigHash=0x12345678)
aap_system_test(unit_fetch_w64 TOP aap_fetch SOURCE fetch_test.cc PARAMS AxiDataWidth=64 AddrWidth=24 ConfigHash=0x12345678)
aap_system_test(unit_axi_read TOP aap_axi_read SOURCE axi_read_test.cc
  PARAMS AddrWidth=32 AxiDataWidth=128 MaxBurst=64 Outstanding=8 BeatsWidth=14)
aap_system_test(unit_axi_read_b1 TOP aap_axi_read SOURCE axi_read_test.cc
  PARAMS AddrWidth=20 AxiDataWidth=32 MaxBurst=1 Outstanding=2 BeatsWidth=10)
aap_system_test(unit_axi_read_b256 TOP aap_axi_read SOURCE axi_read_test.cc
  PARAMS AddrWidth=24 AxiDataWidth=64 MaxBurst=256 Outstanding=4 BeatsWidth=12)
aap_system_test(unit_axi_write TOP aap_axi_write SOURCE axi_write_test.cc
  PARAMS AddrWidth=32 AxiDataWidth=64 MaxBurst=16 Outstanding=8 BeatsWidth=10)
aap_system_test(unit_axi_write_b1 TOP aap_axi_write SOURCE axi_write_test.cc
  PARAMS AddrWidth=20 AxiDataWidth=32 MaxBurst=1 Outstanding=2 BeatsWidth=10)
aap_system_test(unit_axi_one_read TOP aap_axi_one SOURCE axi_read_test.cc PARAMS AddrWidth=17 AxiDataWidth=32 MaxBurst=16 BeatsWidth=11)
aap_system_test(unit_axi_one_write TOP aap_axi_one SOURCE axi_write_test.cc PARAMS AddrWidth=20 AxiDataWidth=32 MaxBurst=16 BeatsWidth=11)
aap_system_test(unit_axi_one_b1 TOP aap_axi_one SOURCE axi_read_test.cc PARAMS AddrWidth=20 AxiDataWidth=64 MaxBurst=1 BeatsWidth=10)
aap_system_test(unit_load_board TOP aap_load SOURCE load_test.cc
  PARAMS Group=16 Lanes=4 Pes=32 Requantisers=8 AxiDataWidth=128 AddrWidth=32 ActDepth=2048 WeightDepth=512
         TableDepth=512 ParamDepth=32 ResidualDepth=512 BeatsWidth=14)
aap_system_test(unit_load_small TOP aap_load SOURCE load_test.cc
  PARAMS Group=8 Lanes=1 Pes=16 Requantisers=1 AxiDataWidth=32 AddrWidth=20 ActDepth=512 WeightDepth=256
         TableDepth=256 ParamDepth=32 ResidualDepth=32 BeatsWidth=11)
aap_system_test(unit_load_g4 TOP aap_load SOURCE load_test.cc
  PARAMS Group=4 Lanes=8 Pes=32 Requantisers=4 AxiDataWidth=64 AddrWidth=24 ActDepth=256 WeightDepth=64
         TableDepth=64 ParamDepth=64 ResidualDepth=64 BeatsWidth=12)
aap_system_test(unit_store_board TOP aap_store SOURCE store_test.cc
  PARAMS Group=16 Pes=32 Requantisers=8 AxiDataWidth=128 AddrWidth=32 OutDepth=512 BeatsWidth=10)
aap_system_test(unit_store_small TOP aap_store SOURCE store_test.cc
  PARAMS Group=8 Pes=16 Requantisers=1 AxiDataWidth=32 AddrWidth=20 OutDepth=32 BeatsWidth=7)
aap_system_test(unit_store_equal TOP aap_store SOURCE store_test.cc
  PARAMS Group=4 Pes=64 Requantisers=8 AxiDataWidth=64 AddrWidth=24 OutDepth=64 BeatsWidth=7)
