// The first process of every pod: holds the pod's namespaces open, reaps orphans, ends when told to.
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

static void reap(int signal_number) {
    (void)signal_number;
    while (waitpid(-1, 0, WNOHANG) > 0) {
    }
}

static void end(int signal_number) {
    (void)signal_number;
    _exit(0);
}

int main(void) {
    signal(SIGCHLD, reap);
    // The kernel drops signals without a handler that are sent to the first process of a pid namespace.
    signal(SIGINT, end);
    signal(SIGTERM, end);
    for (;;) pause();
}
