# stead_module(NAME [PID1] SOURCES ... [HOST_SOURCES ...] [USES ...] [LIBRARIES ...])
#
# One folder of src/: a static library `stead_NAME` (alias stead::NAME) that may use exactly the
# folders in USES. PID1 marks the folders that stead-init links: they are compiled a second time,
# against musl, as `stead_NAME_musl`, without their HOST_SOURCES (which may use the whole standard
# library). The same table stands in src/README.md, and the `layering` test compares both with the
# include lines: a wrong call does not link, a wrong include does not pass. A folder of headers only
# names no SOURCES. Only what a program or a test links is built.
#
# With STEAD_UNITY the host's folders are compiled in batches, which takes a fifth of the time and
# rebuilds more after an edit; PID 1's are small, and optimized as a whole anyway.
function(stead_module name)
    cmake_parse_arguments(arg "PID1" "" "SOURCES;HOST_SOURCES;USES;LIBRARIES" ${ARGN})
    set(kind PUBLIC)
    if(arg_SOURCES OR arg_HOST_SOURCES)
        add_library(stead_${name} STATIC EXCLUDE_FROM_ALL ${arg_SOURCES} ${arg_HOST_SOURCES})
        if(STEAD_UNITY AND NOT arg_PID1)
            set_target_properties(stead_${name} PROPERTIES UNITY_BUILD ON UNITY_BUILD_BATCH_SIZE 8)
        endif()
    else()
        add_library(stead_${name} INTERFACE)
        set(kind INTERFACE)
    endif()
    add_library(stead::${name} ALIAS stead_${name})
    target_link_libraries(stead_${name} ${kind} stead_flags ${arg_LIBRARIES})
    foreach(used IN LISTS arg_USES)
        target_link_libraries(stead_${name} ${kind} stead_${used})
    endforeach()

    if(arg_PID1 AND STEAD_INIT_LIBC STREQUAL "musl")
        if(arg_SOURCES)
            add_library(stead_${name}_musl STATIC EXCLUDE_FROM_ALL ${arg_SOURCES})
            set(musl_kind PUBLIC)
        else()
            set(musl_kind INTERFACE)
            add_library(stead_${name}_musl INTERFACE)
        endif()
        target_link_libraries(stead_${name}_musl ${musl_kind} stead_musl_flags)
        foreach(used IN LISTS arg_USES)
            target_link_libraries(stead_${name}_musl ${musl_kind} stead_${used}_musl)
        endforeach()
    endif()
endfunction()
