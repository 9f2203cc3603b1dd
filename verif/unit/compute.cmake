# SPDX-License-Identifier: Apache-2.0
# Unit benches of the execute unit.

# aap_configured_test(NAME TOP module SOURCE file PARAMS ... [ICE40]): an aap_rtl_test whose source sees the parameters as
# P_<name> and the Verilated class as DUT (Select, Share and First at their defaults where not given); ICE40 adds models of the cells that MulStyle 1 instantiates.
function(aap_configured_test name)
  cmake_parse_arguments(ARG "ICE40" "TOP;SOURCE" "PARAMS" ${ARGN})
  if(ARG_ICE40)
    list(APPEND AAP_VERILATOR_ARGS -I${CMAKE_CURRENT_SOURCE_DIR}/unit/ice40)
  endif()
  aap_rtl_test(${name} TOP ${ARG_TOP} SOURCES ${CMAKE_CURRENT_SOURCE_DIR}/unit/${ARG_SOURCE} PARAMS ${ARG_PARAMS})
  set(defaults)
  foreach(default Select=0 Share=1 First=0)
    string(REGEX REPLACE "=.*" "=" key ${default})
    string(FIND ";${ARG_PARAMS}" ";${key}" at)
    if(at EQUAL -1)
      list(APPEND defaults P_${default})
    endif()
  endforeach()
  set(definitions ${defaults} DUT=V${name} DUT_HEADER="V${name}.h" DUT_NAME="${name}")
  foreach(p ${ARG_PARAMS})
    list(APPEND definitions P_${p})
  endforeach()
  target_compile_definitions(test_${name} PRIVATE ${definitions})
endfunction()

aap_configured_test(unit_requant TOP aap_requant SOURCE requant_test.cc PARAMS AccWidth=32 MulWidth=24)
aap_configured_test(unit_requant_small TOP aap_requant SOURCE requant_test.cc PARAMS AccWidth=24 MulWidth=16)
aap_configured_test(unit_requant_ice40 TOP aap_requant SOURCE requant_test.cc PARAMS AccWidth=24 MulWidth=16 MulStyle=1 ICE40)
aap_configured_test(unit_requant_odd TOP aap_requant SOURCE requant_test.cc PARAMS AccWidth=27 MulWidth=19)
aap_configured_test(unit_residual_add TOP aap_residual_add SOURCE residual_add_test.cc PARAMS AddMulWidth=23)
aap_configured_test(unit_residual_add_ice40 TOP aap_residual_add SOURCE residual_add_test.cc PARAMS AddMulWidth=16 MulStyle=1 ICE40)
aap_configured_test(unit_selector TOP aap_selector SOURCE selector_test.cc PARAMS Group=16)
aap_configured_test(unit_selector_ice40 TOP aap_selector SOURCE selector_test.cc PARAMS Group=8 MulStyle=1 ICE40)
aap_configured_test(unit_selector_g4 TOP aap_selector SOURCE selector_test.cc PARAMS Group=4)
aap_configured_test(unit_selector_share TOP aap_selector SOURCE selector_test.cc PARAMS Group=16 Share=4 First=8)
aap_configured_test(unit_selector_all TOP aap_selector SOURCE selector_test.cc PARAMS Group=8 Share=32)
aap_configured_test(unit_pe TOP aap_pe SOURCE pe_test.cc PARAMS Lanes=4 AccWidth=32)
aap_configured_test(unit_pe_l1 TOP aap_pe SOURCE pe_test.cc PARAMS Lanes=1 AccWidth=24)
aap_configured_test(unit_pe_l8 TOP aap_pe SOURCE pe_test.cc PARAMS Lanes=8 AccWidth=28)
aap_configured_test(unit_array TOP aap_array SOURCE array_test.cc PARAMS Group=16 Lanes=4 Pes=8 AccWidth=32)
aap_configured_test(unit_array_l2 TOP aap_array SOURCE array_test.cc PARAMS Group=4 Lanes=2 Pes=4 AccWidth=26)
aap_configured_test(unit_array_ice40 TOP aap_array SOURCE array_test.cc
  PARAMS Group=8 Lanes=1 Pes=16 AccWidth=21 MaxRowCycles=2 MulStyle=1 ICE40)
aap_configured_test(unit_array_max2 TOP aap_array SOURCE array_test.cc
  PARAMS Group=16 Lanes=1 Pes=4 AccWidth=24 MaxRowCycles=2)
aap_configured_test(unit_array_s2 TOP aap_array SOURCE array_test.cc PARAMS Share=2 Group=8 Lanes=4 Pes=8 AccWidth=28)
aap_configured_test(unit_array_s16 TOP aap_array SOURCE array_test.cc PARAMS Share=16 Group=4 Lanes=1 Pes=32 AccWidth=24)
aap_configured_test(unit_array_dense TOP aap_array SOURCE array_test.cc
  PARAMS Select=1 Share=16 Group=16 Lanes=2 Pes=16 AccWidth=32)
aap_configured_test(unit_window TOP aap_window_array SOURCE window_array_test.cc
  PARAMS Group=16 Lanes=1 Pes=4 Muls=4 AccWidth=32 AxiDataWidth=64 WeightDepth=64 DrainCycles=4 Realign=0)
aap_configured_test(unit_window_realigned TOP aap_window_array SOURCE window_array_test.cc
  PARAMS Group=8 Lanes=4 Pes=4 Muls=4 AccWidth=28 AxiDataWidth=128 WeightDepth=64 DrainCycles=8 Realign=1)
aap_configured_test(unit_window_t1 TOP aap_window_array SOURCE window_array_test.cc
  PARAMS Group=4 Lanes=2 Pes=2 Muls=1 AccWidth=24 AxiDataWidth=32 WeightDepth=128 DrainCycles=4 Realign=1)
aap_configured_test(unit_window_t16 TOP aap_window_array SOURCE window_array_test.cc
  PARAMS Group=16 Lanes=16 Pes=2 Muls=16 AccWidth=32 AxiDataWidth=128 WeightDepth=32 DrainCycles=4 Realign=1)
aap_configured_test(unit_ram TOP aap_ram SOURCE ram_test.cc PARAMS Width=37 Depth=24)
aap_configured_test(unit_ram_wide TOP aap_ram SOURCE ram_test.cc PARAMS Width=100 Depth=16)
aap_configured_test(unit_exec TOP aap_exec SOURCE exec_test.cc
  PARAMS Group=16 Lanes=4 AxiDataWidth=128 ActDepth=256 WeightDepth=128 TableDepth=32 DrainCycles=4)
aap_configured_test(unit_exec_narrow TOP aap_exec SOURCE exec_test.cc
  PARAMS Group=8 Lanes=1 AxiDataWidth=32 ActDepth=256 WeightDepth=64 TableDepth=16 DrainCycles=16 AddrWidth=20
         MaxRowCycles=2 ResidualPasses=3 ReadDelay=25 ResidualDelay=65 FinishDelay=33 ResidualFinishDelay=73)
aap_configured_test(unit_exec_dense TOP aap_exec SOURCE exec_test.cc
  PARAMS Select=1 Share=16 Group=8 Lanes=2 AxiDataWidth=64 ActDepth=256 WeightDepth=64 TableDepth=16 DrainCycles=4)

# Shapes: the two shipped ones with shallow buffers, a block of several groups (G 4, 8 lanes, 128-bit bus), a block of
# several beats (G 16, 32-bit bus), and 64 PEs.
aap_configured_test(unit_compute_board TOP aap_compute SOURCE compute_test.cc
  PARAMS Group=16 Lanes=4 Pes=32 Requantisers=8 AccWidth=32 MulWidth=24 AddMulWidth=23 AxiDataWidth=128 AddrWidth=32
         ActDepth=256 WeightDepth=128 TableDepth=64 ParamDepth=32 PsumDepth=32 OutDepth=64 ResidualDepth=64)
aap_configured_test(unit_compute_small TOP aap_compute SOURCE compute_test.cc
  PARAMS Group=8 Lanes=1 Pes=16 Requantisers=1 AccWidth=21 MulWidth=8 AddMulWidth=16 ResidualPasses=3 MaxRowCycles=2 AxiDataWidth=32 AddrWidth=17
         ActDepth=512 WeightDepth=256 TableDepth=256 ParamDepth=32 PsumDepth=16 OutDepth=32 ResidualDepth=32)
aap_configured_test(unit_compute_ice40 TOP aap_compute SOURCE compute_test.cc
  PARAMS Group=8 Lanes=1 Pes=16 Requantisers=1 AccWidth=21 MulWidth=8 AddMulWidth=16 ResidualPasses=3 MaxRowCycles=2 AxiDataWidth=32 AddrWidth=17 MulStyle=1
         ActDepth=512 WeightDepth=256 TableDepth=256 ParamDepth=32 PsumDepth=16 OutDepth=32 ResidualDepth=32 ICE40)
aap_configured_test(unit_compute_g4 TOP aap_compute SOURCE compute_test.cc
  PARAMS Group=4 Lanes=8 Pes=16 Requantisers=4 AccWidth=32 MulWidth=20 AddMulWidth=20 AxiDataWidth=128 AddrWidth=24
         ActDepth=256 WeightDepth=64 TableDepth=64 ParamDepth=32 PsumDepth=32 OutDepth=32 ResidualDepth=64)
aap_configured_test(unit_compute_g16 TOP aap_compute SOURCE compute_test.cc
  PARAMS Group=16 Lanes=2 Pes=16 Requantisers=2 AccWidth=26 MulWidth=16 AddMulWidth=23 ResidualPasses=3 AxiDataWidth=32 AddrWidth=24
         ActDepth=128 WeightDepth=64 TableDepth=32 ParamDepth=32 PsumDepth=16 OutDepth=32 ResidualDepth=32)
aap_configured_test(unit_compute_p64 TOP aap_compute SOURCE compute_test.cc
  PARAMS Group=8 Lanes=2 Pes=64 Requantisers=8 AccWidth=28 MulWidth=24 AddMulWidth=23 AxiDataWidth=64 AddrWidth=24
         ActDepth=128 WeightDepth=64 TableDepth=32 ParamDepth=32 PsumDepth=16 OutDepth=32 ResidualDepth=16)
aap_configured_test(unit_compute_s4 TOP aap_compute SOURCE compute_test.cc
  PARAMS Share=4 Group=8 Lanes=2 Pes=16 Requantisers=4 AccWidth=28 MulWidth=24 AddMulWidth=23 AxiDataWidth=64 AddrWidth=24
         ActDepth=128 WeightDepth=64 TableDepth=32 ParamDepth=32 PsumDepth=16 OutDepth=32 ResidualDepth=16)
aap_configured_test(unit_compute_dense TOP aap_compute SOURCE compute_test.cc
  PARAMS Select=1 Share=32 Group=16 Lanes=2 Pes=32 Requantisers=8 AccWidth=32 MulWidth=24 AddMulWidth=23 AxiDataWidth=128 AddrWidth=32
         ActDepth=128 WeightDepth=64 TableDepth=32 ParamDepth=32 PsumDepth=16 OutDepth=32 ResidualDepth=16)
aap_configured_test(unit_drain TOP aap_drain SOURCE drain_test.cc
  PARAMS Pes=32 Requantisers=8 AccWidth=32 MulWidth=24 AddMulWidth=23 AxiDataWidth=128 ParamDepth=32 PsumDepth=8 OutDepth=16 ResidualDepth=16)
aap_configured_test(unit_drain_small TOP aap_drain SOURCE drain_test.cc
  PARAMS Pes=16 Requantisers=1 AccWidth=21 MulWidth=8 AddMulWidth=16 ResidualPasses=3 AxiDataWidth=32 ParamDepth=32 PsumDepth=8 OutDepth=16 ResidualDepth=16)
