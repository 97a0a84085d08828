# godwit_precompile_test(<target>)
#
# What nearly every test includes is parsed once, which saves half of what compiling one costs. Tests
# still include what they use: the preset debug compiles without this. Rooms do not take part: GCC 12
# warns of the standard library's own code where that was precompiled and is optimised.
option(GODWIT_PRECOMPILE "Parse the headers that tests have in common once" ON)

function(godwit_precompile_test target)
    if(NOT GODWIT_PRECOMPILE)
        return()
    endif()
    set(headers godwit_test_headers)
    if(NOT TARGET ${headers})
        set(source "${CMAKE_BINARY_DIR}/${headers}.cpp")
        if(NOT EXISTS "${source}")
            file(WRITE "${source}" "// Only its headers matter.\n")
        endif()
        add_library(${headers} OBJECT "${source}")
        # The compiler takes them only where its options are the same: those of a test's executable.
        set_target_properties(${headers} PROPERTIES POSITION_INDEPENDENT_CODE OFF)
        target_compile_options(${headers} PRIVATE -fPIE -O0)
        target_link_libraries(${headers} PRIVATE GTest::gmock protobuf::libprotobuf)
        target_precompile_headers(${headers} PRIVATE
            <algorithm> <array> <atomic> <chrono> <condition_variable> <deque> <filesystem> <fstream>
            <functional> <future> <map> <memory> <mutex> <optional> <random> <set> <span> <sstream>
            <stop_token> <string> <string_view> <thread> <utility> <variant> <vector>
            <google/protobuf/message.h> <google/protobuf/repeated_field.h>
            <gmock/gmock.h> <gtest/gtest.h>)
    endif()
    target_precompile_headers(${target} REUSE_FROM ${headers})
endfunction()
