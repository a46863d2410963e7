#pragma once

#include <string>

#include "cli/asking.h"

namespace stead::cli {

struct SessionWishes {
    bool terminal = false;
    /// For messages.
    std::string program;
};

/// Sends the Exec request and stays until the program has ended: its exit code, or 125, 126, 127
/// with a message. Our input goes to it and its output comes out here, through pipes or a terminal
/// of the guest's own; signals that reach us go on to it, a third request to end ends us as well
/// (and with us, by the closed connection, the program).
int run_session(Asking& asking, Client& client, wire::Writer& request, const SessionWishes& wishes);

} // namespace stead::cli
