# The Debian package: `cpack -G DEB` in a build folder packs what `cmake --install` installs, so there is
# no second list of files. Most programs are static; dpkg-shlibdeps finds what the others need.
set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME stead)
set(CPACK_PACKAGE_CONTACT "The Stead maintainers <maintainers@stead.invalid>")
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_STRIP_FILES ON)
set(CPACK_INSTALL_DEFAULT_DIRECTORY_PERMISSIONS OWNER_READ OWNER_WRITE OWNER_EXECUTE GROUP_READ GROUP_EXECUTE
    WORLD_READ WORLD_EXECUTE)
set(CPACK_DEBIAN_PACKAGE_SECTION admin)
set(CPACK_DEBIAN_PACKAGE_PRIORITY optional)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_RECOMMENDS "nftables, uidmap")
set(CPACK_DEBIAN_PACKAGE_SUGGESTS "graphviz, mmdebstrap")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "guest supervisor: PID 1, in init's stead")
set(CPACK_DEBIAN_PACKAGE_DESCRIPTION "Stead turns a directory, or one program, into a guest: a self-managing
mini-system on the host's own kernel, with its own view, its own limits and
a tiny PID 1 that starts, watches and restarts its services from TOML unit
files. It serves full distribution guests, single-service jails and
container images.")

find_program(STEAD_GZIP gzip REQUIRED)
set(changelog ${CMAKE_CURRENT_BINARY_DIR}/changelog.gz)
add_custom_command(OUTPUT ${changelog}
    COMMAND ${STEAD_GZIP} -9nc ${CMAKE_CURRENT_SOURCE_DIR}/debian/changelog > ${changelog}
    DEPENDS debian/changelog VERBATIM COMMENT "changelog.gz")
add_custom_target(changelog ALL DEPENDS ${changelog})
install(FILES ${changelog} debian/copyright DESTINATION ${CMAKE_INSTALL_DATADIR}/doc/stead)
install(FILES debian/lintian-overrides DESTINATION ${CMAKE_INSTALL_DATADIR}/lintian/overrides RENAME stead)

include(CPack)
