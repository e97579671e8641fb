# What find_package(prong COMPONENTS actors_video) needs beside the framework.
find_dependency(PkgConfig)
pkg_check_modules(prong_libav QUIET IMPORTED_TARGET GLOBAL libavformat libavcodec libswscale libavutil)
set(prong_actors_video_FOUND ${prong_libav_FOUND})
if(prong_libav_FOUND)
  include(${CMAKE_CURRENT_LIST_DIR}/prong-actors_video-targets.cmake)
endif()
