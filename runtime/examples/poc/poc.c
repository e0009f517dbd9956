/* Two coroutines in C: one prints with sleeps in between, the other streams a file to stdout at the same time.
 *
 *   poc [FILE]      /proc/self/status when no file is named
 */
#include <cprime/co.h>
#include <stdio.h>
#include <stdlib.h>

enum { COUNT = 5, PAUSE_MS = 100, BLOCK_BYTES = 256 };

static void print_slowly(void* argument) {
    const char* who = argument;
    for (int i = 1; i <= COUNT; ++i) {
        printf("[%s] %d of %d\n", who, i, COUNT);
        if (co_sleep_ms(PAUSE_MS) != CO_OK) return; /* Ctrl-C */
    }
}

static void stream_file(void* argument) {
    const char* path = argument;
    FILE* file = fopen(path, "r");
    if (file == NULL) {
        perror(path);
        return;
    }
    char* block = malloc(BLOCK_BYTES);
    size_t bytes = 0;
    while (block != NULL && (bytes = fread(block, 1, BLOCK_BYTES, file)) > 0) {
        fwrite(block, 1, bytes, stdout);
        if (co_yield() != CO_OK) break; /* a block at a time: the other one gets its turn */
    }
    free(block);
    fclose(file);
}

int main(int argument_count, char** arguments) {
    char* path = argument_count > 1 ? arguments[1] : "/proc/self/status";
    if (co_init() != CO_OK) return EXIT_FAILURE;
    co_t* printer = co_spawn(print_slowly, "printer");
    co_t* streamer = co_spawn(stream_file, path);
    if (printer == NULL || streamer == NULL) return EXIT_FAILURE;
    co_join(streamer);
    co_join(printer);
    return co_run() == CO_OK ? EXIT_SUCCESS : EXIT_FAILURE;
}
