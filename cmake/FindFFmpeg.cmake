# Finds FFmpeg's libraries, which have no CMake files of their own.
#
# Components: avutil avcodec avformat swscale swresample avfilter avdevice. Targets: FFmpeg::<component>.
include(FindPackageHandleStandardArgs)

set(ffmpeg_required)
foreach(component IN LISTS FFmpeg_FIND_COMPONENTS)
  find_path(FFmpeg_${component}_INCLUDE_DIR lib${component}/${component}.h)
  find_library(FFmpeg_${component}_LIBRARY ${component})
  mark_as_advanced(FFmpeg_${component}_INCLUDE_DIR FFmpeg_${component}_LIBRARY)
  list(APPEND ffmpeg_required FFmpeg_${component}_LIBRARY FFmpeg_${component}_INCLUDE_DIR)
  if(FFmpeg_${component}_LIBRARY AND FFmpeg_${component}_INCLUDE_DIR)
    set(FFmpeg_${component}_FOUND TRUE)
  endif()
endforeach()
find_package_handle_standard_args(FFmpeg REQUIRED_VARS ${ffmpeg_required} HANDLE_COMPONENTS)

if(FFmpeg_FOUND)
  foreach(component IN LISTS FFmpeg_FIND_COMPONENTS)
    if(NOT TARGET FFmpeg::${component})
      add_library(FFmpeg::${component} UNKNOWN IMPORTED)
      set_target_properties(FFmpeg::${component} PROPERTIES IMPORTED_LOCATION ${FFmpeg_${component}_LIBRARY}
        INTERFACE_INCLUDE_DIRECTORIES ${FFmpeg_${component}_INCLUDE_DIR})
    endif()
  endforeach()
endif()
