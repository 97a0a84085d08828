# godwit_add_room(<name> SOURCES <file>... [KNOWS <room>...] [LIBRARIES <target>...]
#                 [PUBLIC_LIBRARIES <target>...])
#
# A room is a folder of core/ and a static library godwit_<name>. Its headers are included as
# "<name>/x.h", and only by those who list it in KNOWS: each room has an include root of its own, so
# an arrow that design.md does not draw does not compile.
function(godwit_add_room name)
    cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "SOURCES;KNOWS;LIBRARIES;PUBLIC_LIBRARIES")
    set(root "${CMAKE_BINARY_DIR}/rooms/${name}")
    file(MAKE_DIRECTORY "${root}")
    file(CREATE_LINK "${CMAKE_CURRENT_SOURCE_DIR}" "${root}/${name}" SYMBOLIC)

    add_library(godwit_${name} STATIC ${arg_SOURCES})
    target_include_directories(godwit_${name} PUBLIC "${root}")
    list(TRANSFORM arg_KNOWS PREPEND godwit_)
    target_link_libraries(godwit_${name}
        PUBLIC godwit::sdk ${arg_KNOWS} ${arg_PUBLIC_LIBRARIES}
        PRIVATE ${arg_LIBRARIES})
endfunction()
