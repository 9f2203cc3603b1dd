# SPDX-License-Identifier: Apache-2.0
# Verilated models. All of them have assertions on and random initial state.
find_package(verilator 5.006 REQUIRED HINTS /usr/share/verilator $ENV{VERILATOR_ROOT})

set(AAP_RTL_DIR ${CMAKE_SOURCE_DIR}/rtl)
set(AAP_VERILATOR_ARGS -Wall --assert --x-initial unique --x-assign unique -O3
    -I${AAP_RTL_DIR} -I${AAP_RTL_DIR}/gen ${AAP_RTL_DIR}/waivers.vlt)

# The run time of Verilator, which every bench would otherwise compile for itself.
add_library(aap_verilated STATIC EXCLUDE_FROM_ALL
            ${VERILATOR_ROOT}/include/verilated.cpp ${VERILATOR_ROOT}/include/verilated_threads.cpp)
target_include_directories(aap_verilated SYSTEM PUBLIC ${VERILATOR_ROOT}/include ${VERILATOR_ROOT}/include/vltstd)
target_compile_definitions(aap_verilated PRIVATE VM_COVERAGE=0 VM_SC=0 VM_TRACE=0 VM_TRACE_VCD=0 VM_TRACE_FST=0)
target_link_libraries(aap_verilated PUBLIC Threads::Threads)

# aap_rtl_test(NAME TOP module SOURCES a_test.cc [PARAMS G=8 NG=1 ...] [TEST_NAME n]): a unit bench. Boost.Test
# executable around the Verilated module; the class is V<NAME>.
function(aap_rtl_test name)
  cmake_parse_arguments(ARG "" "TOP" "SOURCES;PARAMS;LINK" ${ARGN})
  aap_test(${name} ${ARG_SOURCES} LINK ${ARG_LINK})
  set(params)
  foreach(p ${ARG_PARAMS})
    list(APPEND params -G${p})
  endforeach()
  verilate(test_${name} SOURCES ${AAP_RTL_DIR}/gen/aap_isa_pkg.sv ${AAP_RTL_DIR}/${ARG_TOP}.sv
           TOP_MODULE ${ARG_TOP} PREFIX V${name} VERILATOR_ARGS ${AAP_VERILATOR_ARGS} ${params})
  # One translation unit of generated code, not nine: most of their time is the headers.
  get_target_property(sources test_${name} SOURCES)
  list(FILTER sources EXCLUDE REGEX "/include/verilated[a-z_]*\\.cpp$")
  set_target_properties(test_${name} PROPERTIES SOURCES "${sources}" UNITY_BUILD ON UNITY_BUILD_BATCH_SIZE 0)
  set_source_files_properties(${ARG_SOURCES} PROPERTIES SKIP_UNITY_BUILD_INCLUSION ON)
  target_link_libraries(test_${name} PRIVATE aap_verilated)
  # Generated code is not ours to warn about.
  target_compile_options(test_${name} PRIVATE -Wno-error -Wno-pedantic -Wno-unused -O1)
endfunction()
