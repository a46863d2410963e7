# Every compiler flag of the project, in two interface libraries: `stead_flags` for what runs on the
# host's C library, `stead_musl_flags` for what PID 1 links.

add_library(stead_flags INTERFACE)
target_include_directories(stead_flags INTERFACE ${PROJECT_SOURCE_DIR}/src ${PROJECT_BINARY_DIR}/src)
target_compile_definitions(stead_flags INTERFACE _GNU_SOURCE STEAD_VERSION="${PROJECT_VERSION}")
target_compile_options(stead_flags INTERFACE
    -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wimplicit-fallthrough
    -ffunction-sections -fdata-sections)
target_link_options(stead_flags INTERFACE -Wl,--gc-sections)

# g++ 12's optimizer sees overlaps and overflows in std::string and std::vector that are not there
# (GCC bugs 105329 and 105651, mended in 13).
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 13)
    target_compile_options(stead_flags INTERFACE "$<$<CONFIG:Debug,Release,RelWithDebInfo>:-Wno-restrict;-Wno-stringop-overread;-Wno-stringop-overflow;-Wno-maybe-uninitialized;-Wno-array-bounds>")
endif()

if(STEAD_SANITIZE)
    target_compile_options(stead_flags INTERFACE -fsanitize=address,undefined
        -fno-sanitize-recover=undefined -fno-omit-frame-pointer)
    target_link_options(stead_flags INTERFACE -fsanitize=address,undefined)
endif()
if(STEAD_FUZZ)
    target_compile_options(stead_flags INTERFACE -fsanitize=fuzzer-no-link,address,undefined -fno-omit-frame-pointer)
    target_link_options(stead_flags INTERFACE -fsanitize=address,undefined)
endif()

# musl has no C++ library of its own: libstdc++'s header-only parts are compiled against musl's C
# headers, and nothing of its run-time library is linked. The specs file is what the musl-gcc
# wrapper passes; giving it per target lets one CMake build hold both C libraries.
add_library(stead_musl_flags INTERFACE)
if(STEAD_INIT_LIBC STREQUAL "musl")
    find_program(STEAD_MUSL_GCC musl-gcc)
    if(NOT STEAD_MUSL_GCC)
        message(FATAL_ERROR "musl-gcc is missing: install musl-tools, or configure with -DSTEAD_INIT_LIBC=glibc")
    endif()
    execute_process(COMMAND ${CMAKE_C_COMPILER} -dumpmachine OUTPUT_VARIABLE STEAD_TRIPLET
        OUTPUT_STRIP_TRAILING_WHITESPACE)
    file(READ ${STEAD_MUSL_GCC} wrapper)
    if(NOT wrapper MATCHES "-specs[ =]\"?([^\" \n]+)")
        message(FATAL_ERROR "${STEAD_MUSL_GCC} names no specs file")
    endif()
    set(STEAD_MUSL_SPECS ${CMAKE_MATCH_1})
    string(REGEX MATCH "^[0-9]+" major ${CMAKE_CXX_COMPILER_VERSION})
    find_path(STEAD_LIBSTDCXX span PATHS /usr/include/c++/${major} /usr/${STEAD_TRIPLET}/include/c++/${major}
        NO_DEFAULT_PATH REQUIRED)
    find_path(STEAD_LIBSTDCXX_ARCH bits/c++config.h
        PATHS /usr/include/${STEAD_TRIPLET}/c++/${major} ${STEAD_LIBSTDCXX}/${STEAD_TRIPLET} NO_DEFAULT_PATH REQUIRED)

    target_include_directories(stead_musl_flags INTERFACE ${PROJECT_SOURCE_DIR}/src ${PROJECT_BINARY_DIR}/src)
    target_compile_definitions(stead_musl_flags INTERFACE _GNU_SOURCE NDEBUG STEAD_PID1 STEAD_VERSION="${PROJECT_VERSION}")
    set(STEAD_MUSL_CXX_FLAGS -Oz -specs=${STEAD_MUSL_SPECS} -nostdinc++
        "SHELL:-isystem ${STEAD_LIBSTDCXX}" "SHELL:-isystem ${STEAD_LIBSTDCXX_ARCH}"
        "SHELL:-D '__GLIBC_PREREQ(a,b)=0'" "SHELL:-idirafter /usr/include"
        "SHELL:-idirafter /usr/include/${STEAD_TRIPLET}" -fno-exceptions -fno-rtti -fno-asynchronous-unwind-tables
        -fno-unwind-tables -fno-stack-protector -fno-threadsafe-statics -fno-pic -fno-pie
        -ffunction-sections -fdata-sections -fmerge-all-constants -U_FORTIFY_SOURCE -fno-jump-tables
        -fno-ident
        -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wimplicit-fallthrough)
    target_link_options(stead_musl_flags INTERFACE -specs=${STEAD_MUSL_SPECS} -static -no-pie -s
        -Wl,--gc-sections -Wl,-z,noseparate-code -Wl,--build-id=none -Wl,-z,norelro)
    # g++ optimizes the program as a whole, in one piece: that is worth a fortieth of it. By itself it
    # would call even the constructor that makes a string_view of a literal (max-inline-insns-size:
    # the instruction by which an inlined function may be longer than its call), would inline large
    # functions that are called once, where they compete for registers, would repeat a function's end
    # before each call that is its last, and would compute in advance what some ways need: together a
    # fifteenth.
    if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
        set(whole -flto "SHELL:--param max-inline-insns-size=1" -fno-inline-functions-called-once
            -fno-optimize-sibling-calls -fno-tree-pre -fno-code-hoisting
            # Each of these spares copies that keep two ways of doing the same apart: half a percent.
            -fno-caller-saves -fno-if-conversion -fno-forward-propagate -fno-partial-inlining
            -fno-tree-dominator-opts -fno-shrink-wrap -fno-tree-ccp)
        if(CMAKE_SYSTEM_PROCESSOR STREQUAL "x86_64")
            list(APPEND whole -malign-data=abi)
        endif()
        list(APPEND STEAD_MUSL_CXX_FLAGS ${whole})
        set(CMAKE_AR ${CMAKE_CXX_COMPILER_AR})
        set(CMAKE_RANLIB ${CMAKE_CXX_COMPILER_RANLIB})
        target_link_options(stead_musl_flags INTERFACE ${whole} -flto-partition=one -Oz
            -fno-exceptions -fno-asynchronous-unwind-tables -fno-unwind-tables -fno-ident)
    endif()
    target_compile_options(stead_musl_flags INTERFACE "$<$<COMPILE_LANGUAGE:CXX>:${STEAD_MUSL_CXX_FLAGS}>")
endif()
