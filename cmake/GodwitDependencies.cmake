# Debian's packages, found once. A room or plugin links the targets it uses, and nothing else.
find_package(Threads REQUIRED)
find_package(PkgConfig REQUIRED)
find_package(OpenSSL REQUIRED)
find_package(Poco REQUIRED COMPONENTS Foundation Net Util JSON)
# What its packages define besides, the compiler defines, too, or must not see twice.
get_target_property(definitions Poco::Foundation INTERFACE_COMPILE_DEFINITIONS)
list(FILTER definitions INCLUDE REGEX "^POCO_")
set_target_properties(Poco::Foundation PROPERTIES INTERFACE_COMPILE_DEFINITIONS "${definitions}")
find_package(Boost 1.74 REQUIRED COMPONENTS filesystem)
find_package(yaml-cpp REQUIRED)
find_package(spdlog REQUIRED)
find_package(Protobuf REQUIRED)
pkg_check_modules(hiredis REQUIRED IMPORTED_TARGET hiredis)  # Its CMake files abort the configure.
pkg_check_modules(libfabric REQUIRED IMPORTED_TARGET libfabric)
pkg_check_modules(ucx REQUIRED IMPORTED_TARGET ucx)
pkg_check_modules(mount REQUIRED IMPORTED_TARGET mount)  # libmount, of util-linux.
pkg_check_modules(xxhash REQUIRED IMPORTED_TARGET libxxhash)
pkg_check_modules(zstd REQUIRED IMPORTED_TARGET libzstd)

# prometheus-cpp's package also wants libcurl, for a part that we do not use.
find_library(PROMETHEUS_CORE prometheus-cpp-core REQUIRED)
find_path(PROMETHEUS_INCLUDE prometheus/registry.h REQUIRED)
add_library(prometheus_core INTERFACE)
target_link_libraries(prometheus_core INTERFACE "${PROMETHEUS_CORE}")
target_include_directories(prometheus_core SYSTEM INTERFACE "${PROMETHEUS_INCLUDE}")
