# find_package(godwit): the target godwit::sdk and godwit_add_plugin(); where GoogleTest is there, the
# target godwit::conformance, too.
include("${CMAKE_CURRENT_LIST_DIR}/godwitSdk.cmake")
include("${CMAKE_CURRENT_LIST_DIR}/GodwitPlugin.cmake")
find_package(GTest QUIET)
find_package(Threads QUIET)
if(GTest_FOUND AND Threads_FOUND AND EXISTS "${CMAKE_CURRENT_LIST_DIR}/godwitConformance.cmake")
    include("${CMAKE_CURRENT_LIST_DIR}/godwitConformance.cmake")
endif()
