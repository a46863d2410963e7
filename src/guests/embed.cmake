# Writes OUT, a C++ source that carries the file PROGRAM inside: cmake -DPROGRAM= -DOUT= -P embed.cmake
file(SHA256 ${PROGRAM} hash)
string(SUBSTRING ${hash} 0 16 hash)
file(WRITE ${OUT} "#include \"guests/binaries.h\"

// The assembler reads the file: no array of a hundred thousand numbers to compile.
__asm__(\".section .rodata\\n\"
        \".balign 16\\n\"
        \"stead_embedded_init:\\n\"
        \".incbin \\\"${PROGRAM}\\\"\\n\"
        \"stead_embedded_init_end:\\n\"
        \".byte 0\\n\"
        \".text\\n\");

extern \"C\" {
extern const std::byte stead_embedded_init[];
extern const std::byte stead_embedded_init_end[];
}

namespace stead::guests {

std::span<const std::byte> embedded_init() {
    return {stead_embedded_init, stead_embedded_init_end};
}

std::string_view embedded_init_hash() {
    return \"${hash}\";
}

} // namespace stead::guests
")
