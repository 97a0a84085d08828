# godwit_add_test(<name> SOURCES <file>... [ROOMS <room>...] [LIBRARIES <target>...]
#                 [LABELS <label>...] [TIMEOUT <seconds>] [ENVIRONMENT <NAME=value>...]
#                 [RUN_SERIAL] [WHOLE])
#
# quick_tests builds those labelled unit or smoke: what each sanitizer sees in every run of CI.
#
# One executable whose cases ctest lists one by one; WHOLE runs it as a single ctest test, where the
# cases share something costly (a Redis server, say).
function(godwit_add_test name)
    cmake_parse_arguments(PARSE_ARGV 1 arg "RUN_SERIAL;WHOLE" "TIMEOUT"
        "SOURCES;ROOMS;LIBRARIES;LABELS;ENVIRONMENT;ARGUMENTS")
    if(NOT arg_TIMEOUT)
        set(arg_TIMEOUT 60)
    endif()
    list(TRANSFORM arg_ROOMS PREPEND godwit_)
    add_executable(${name} ${arg_SOURCES})
    target_link_libraries(${name} PRIVATE ${arg_ROOMS} ${arg_LIBRARIES} GTest::gmock GTest::gtest_main)
    # Most of what a test costs is compiling it.
    target_compile_options(${name} PRIVATE -O0)
    godwit_precompile_test(${name})
    if(arg_LABELS MATCHES "unit|smoke")
        if(NOT TARGET quick_tests)
            add_custom_target(quick_tests)
        endif()
        add_dependencies(quick_tests ${name})
    endif()
    set_target_properties(${name} PROPERTIES
        RUNTIME_OUTPUT_DIRECTORY "${CMAKE_BINARY_DIR}/tests")
    set(properties TIMEOUT ${arg_TIMEOUT} LABELS "${arg_LABELS}")
    if(arg_ENVIRONMENT)
        list(APPEND properties ENVIRONMENT "${arg_ENVIRONMENT}")
    endif()
    if(arg_RUN_SERIAL)
        list(APPEND properties RUN_SERIAL TRUE)
    endif()
    if(arg_WHOLE)
        add_test(NAME ${name} COMMAND ${name} ${arg_ARGUMENTS})
        set_tests_properties(${name} PROPERTIES ${properties})
    else()
        gtest_discover_tests(${name} EXTRA_ARGS ${arg_ARGUMENTS} DISCOVERY_MODE PRE_TEST
            PROPERTIES ${properties})
    endif()
endfunction()
