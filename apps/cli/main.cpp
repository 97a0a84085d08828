// godwit: the command line for operators.
#include <csignal>
#include <exception>
#include <iostream>

#include "cli/commands.h"
#include "cli/outcome.h"

int main(int argc, char** argv) {
    std::signal(SIGPIPE, SIG_IGN);
    try {
        const auto line = godwit::cli::parse_command_line({argv + 1, argv + argc});
        if (!line) {
            std::cerr << "godwit: " << line.error().message << "\n";
            return godwit::cli::kUsage;
        }
        if (line->help) {
            std::cout << godwit::cli::help_text();
            return godwit::cli::kDone;
        }
        if (line->version) {
            std::cout << "godwit " << GODWIT_VERSION << "\n";
            return godwit::cli::kDone;
        }
        return godwit::cli::run_command(*line);
    } catch (const std::exception& thrown) {
        std::cerr << "godwit: " << thrown.what() << "\n";
        return godwit::cli::kRefused;
    }
}
