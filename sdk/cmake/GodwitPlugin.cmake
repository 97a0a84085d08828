# godwit_add_plugin(<kind>_<name> SOURCES <file>... [LIBRARIES <target>...])
#
# Builds godwit_<kind>_<name>.so against godwit::sdk, with one exported symbol, nothing undefined,
# and never unloaded. The same call serves inside Godwit's tree and outside of it.
set(GODWIT_PLUGIN_MAP "${CMAKE_CURRENT_LIST_DIR}/plugin.map" CACHE INTERNAL "")

function(godwit_add_plugin name)
    cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "SOURCES;LIBRARIES")
    add_library(${name} MODULE ${arg_SOURCES})
    target_link_libraries(${name} PRIVATE godwit::sdk ${arg_LIBRARIES})
    target_link_options(${name} PRIVATE
        "LINKER:--version-script=${GODWIT_PLUGIN_MAP}" LINKER:-z,nodelete)
    # A sanitizer's runtime comes with the executable: clang leaves its symbols undefined here.
    if(NOT CMAKE_CXX_FLAGS MATCHES "-fsanitize")
        target_link_options(${name} PRIVATE LINKER:--no-undefined)
    endif()
    set_target_properties(${name} PROPERTIES
        PREFIX "godwit_"
        CXX_VISIBILITY_PRESET hidden
        VISIBILITY_INLINES_HIDDEN ON
        LINK_DEPENDS "${GODWIT_PLUGIN_MAP}")
endfunction()
