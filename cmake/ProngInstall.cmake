# Installs the libraries and what find_package(prong) needs: one export set per component.
include(CMakePackageConfigHelpers)

set(prong_package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/prong)

# prong_install_component(COMPONENT TARGETS...): what find_package(prong COMPONENTS <component>) finds.
function(prong_install_component component)
  install(TARGETS ${ARGN} EXPORT prong-${component}-targets FILE_SET HEADERS)
  install(EXPORT prong-${component}-targets NAMESPACE prong:: DESTINATION ${prong_package_dir})
  get_property(dependencies GLOBAL PROPERTY prong_dependencies_${component})
  set(file ${PROJECT_BINARY_DIR}/prong-${component}.cmake)
  file(CONFIGURE OUTPUT ${file} @ONLY
    CONTENT "@dependencies@include(\${CMAKE_CURRENT_LIST_DIR}/prong-@component@-targets.cmake)\n")
  install(FILES ${file} DESTINATION ${prong_package_dir})
endfunction()

prong_install_component(framework prong_framework)
prong_install_component(testing prong_testing)
if(TARGET prong_actors_video)
  prong_install_component(actors_video prong_actors_video)
endif()
if(TARGET prong_actors_person)
  prong_install_component(actors_person prong_actors_person)
endif()

configure_package_config_file(cmake/prong-config.cmake.in ${PROJECT_BINARY_DIR}/prong-config.cmake
  INSTALL_DESTINATION ${prong_package_dir})
write_basic_package_version_file(${PROJECT_BINARY_DIR}/prong-config-version.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/prong-config.cmake ${PROJECT_BINARY_DIR}/prong-config-version.cmake
  cmake/FindCAF.cmake cmake/FindElfutils.cmake cmake/FindFFmpeg.cmake cmake/FindOpenCV.cmake DESTINATION ${prong_package_dir})
