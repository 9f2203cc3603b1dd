# SPDX-License-Identifier: Apache-2.0
# Two helpers that every folder uses, so that warnings and test set-up are stated once.

# aap_library(NAME sources... LINK libs...): a static library aap_NAME with the project's warnings.
function(aap_library name)
  cmake_parse_arguments(ARG "" "" "LINK" ${ARGN})
  add_library(aap_${name} STATIC ${ARG_UNPARSED_ARGUMENTS})
  target_include_directories(aap_${name} PUBLIC ${CMAKE_SOURCE_DIR})
  target_compile_options(aap_${name} PRIVATE -Wall -Wextra -Wpedantic -Werror)
  target_link_libraries(aap_${name} PUBLIC ${ARG_LINK} fmt::fmt)
endfunction()

# aap_test(NAME sources... LINK libs...): a Boost.Test executable registered with ctest. It runs in the
# source root and leaves a JUnit file in <build>/junit.
function(aap_test name)
  cmake_parse_arguments(ARG "" "" "LINK" ${ARGN})
  add_executable(test_${name} ${ARG_UNPARSED_ARGUMENTS})
  target_include_directories(test_${name} PRIVATE ${CMAKE_SOURCE_DIR})
  target_compile_options(test_${name} PRIVATE -Wall -Wextra -Wpedantic -Werror)
  target_compile_definitions(test_${name} PRIVATE BOOST_TEST_DYN_LINK
                             AAP_SOURCE_DIR="${CMAKE_SOURCE_DIR}" AAP_BINARY_DIR="${CMAKE_BINARY_DIR}")
  target_link_libraries(test_${name} PRIVATE ${ARG_LINK} Boost::unit_test_framework)
  file(MAKE_DIRECTORY ${CMAKE_BINARY_DIR}/junit)
  add_test(NAME ${name}
           COMMAND test_${name} --logger=HRF,error:JUNIT,all,${CMAKE_BINARY_DIR}/junit/${name}.xml
           WORKING_DIRECTORY ${CMAKE_SOURCE_DIR})
endfunction()
