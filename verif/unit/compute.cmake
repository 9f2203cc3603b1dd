# SPDX-License-Identifier: Apache-2.0
# Unit benches of the execute unit.

# aap_configured_test(NAME TOP module SOURCE file PARAMS ...): an aap_rtl_test whose source sees the parameters as P_<name>
# and the Verilated class as DUT.
function(aap_configured_test name)
  cmake_parse_arguments(ARG "" "TOP;SOURCE" "PARAMS" ${ARGN})
  aap_rtl_test(${name} TOP ${ARG_TOP} SOURCES ${CMAKE_CURRENT_SOURCE_DIR}/unit/${ARG_SOURCE} PARAMS ${ARG_PARAMS})
  set(definitions DUT=V${name} DUT_HEADER="V${name}.h" DUT_NAME="${name}")
  foreach(p ${ARG_PARAMS})
    list(APPEND definitions P_${p})
  endforeach()
  target_compile_definitions(test_${name} PRIVATE ${definitions})
endfunction()

# Shapes: the two shipped ones with shallow buffers, a block of several groups (G 4, 8 lanes, 128-bit bus), a block of
# several beats (G 16, 32-bit bus), and 64 PEs.
aap_configured_test(unit_compute_board TOP aap_compute SOURCE compute_test.cc
  PARAMS Group=16 Lanes=4 Pes=32 Requantisers=8 AccWidth=32 MulWidth=24 AxiDataWidth=128 AddrWidth=32
         ActDepth=256 WeightDepth=128 TableDepth=64 ParamDepth=32 PsumDepth=32 OutDepth=64 ResidualDepth=64)
aap_configured_test(unit_compute_small TOP aap_compute SOURCE compute_test.cc
  PARAMS Group=8 Lanes=1 Pes=16 Requantisers=1 AccWidth=24 MulWidth=16 AxiDataWidth=32 AddrWidth=20
         ActDepth=512 WeightDepth=256 TableDepth=256 ParamDepth=32 PsumDepth=16 OutDepth=32 ResidualDepth=32)
aap_configured_test(unit_compute_g4 TOP aap_compute SOURCE compute_test.cc
  PARAMS Group=4 Lanes=8 Pes=16 Requantisers=4 AccWidth=32 MulWidth=20 AxiDataWidth=128 AddrWidth=24
         ActDepth=256 WeightDepth=64 TableDepth=64 ParamDepth=32 PsumDepth=32 OutDepth=32 ResidualDepth=64)
aap_configured_test(unit_compute_g16 TOP aap_compute SOURCE compute_test.cc
  PARAMS Group=16 Lanes=2 Pes=16 Requantisers=2 AccWidth=26 MulWidth=16 AxiDataWidth=32 AddrWidth=24
         ActDepth=128 WeightDepth=64 TableDepth=32 ParamDepth=32 PsumDepth=16 OutDepth=32 ResidualDepth=32)
aap_configured_test(unit_compute_p64 TOP aap_compute SOURCE compute_test.cc
  PARAMS Group=8 Lanes=2 Pes=64 Requantisers=8 AccWidth=28 MulWidth=24 AxiDataWidth=64 AddrWidth=24
         ActDepth=128 WeightDepth=64 TableDepth=32 ParamDepth=32 PsumDepth=16 OutDepth=32 ResidualDepth=16)
