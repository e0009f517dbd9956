// The `coroscope` program. Everything it can do begins in app/cli/run.cpp.
#include "app/cli/words.h"

int main(int argc, char** argv) {
    return coroscope::app::run_command_line(argc, argv);
}
