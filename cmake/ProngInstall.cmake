# Installs the libraries and what find_package(prong) needs.
include(CMakePackageConfigHelpers)

set(prong_package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/prong)
install(TARGETS prong_framework prong_testing EXPORT prong-targets FILE_SET HEADERS)
install(EXPORT prong-targets NAMESPACE prong:: DESTINATION ${prong_package_dir})
configure_package_config_file(cmake/prong-config.cmake.in ${CMAKE_CURRENT_BINARY_DIR}/prong-config.cmake
  INSTALL_DESTINATION ${prong_package_dir})
write_basic_package_version_file(${CMAKE_CURRENT_BINARY_DIR}/prong-config-version.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/prong-config.cmake ${CMAKE_CURRENT_BINARY_DIR}/prong-config-version.cmake
  cmake/FindCAF.cmake DESTINATION ${prong_package_dir})
