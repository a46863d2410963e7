#include <csignal>
#include <exception>
#include <string>
#include <vector>

#include "cli/called_as.h"
#include "cli/systemctl.h"
#include "cli/verbs.h"

namespace {

int run(int argc, char** argv) {
    using namespace stead::cli;

    Console console(stdout, stderr);
    Context context{console};
    if (argc > 0) context.program = argv[0];
    const std::vector<std::string> given(argv + (argc > 0 ? 1 : 0), argv + argc);
    if (is_systemctl(context.program)) {
        const int code = systemctl(context, given);
        return !console.flush() && code == kDone ? int{kCouldNot} : code;
    }
    std::string problem;
    const auto arguments = words_as(context.program, given, problem);
    if (!problem.empty()) {
        console.error(problem);
        return kAskedWrongly;
    }
    const int code = run_command(context, arguments);
    if (!console.flush() && code == kDone) {
        console.error("standard output: some of the answer could not be written");
        return kCouldNot;
    }
    return code;
}

} // namespace

int main(int argc, char** argv) {
    // `stead list | head` ends quietly by EPIPE, which flush() sees; nobody is killed over it.
    (void)std::signal(SIGPIPE, SIG_IGN);
    try {
        return run(argc, argv);
    } catch (const std::exception& fault) {
        // Out of memory, or a mistake of ours: both end this command and nothing else.
        (void)std::fprintf(stderr, "stead: internal error: %s\n", fault.what());
        return stead::cli::kSteadFailed;
    }
}
