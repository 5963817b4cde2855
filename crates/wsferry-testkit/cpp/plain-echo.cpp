// The TCP server of a beginner's book: Berkeley sockets, blocking, one client at a time. It sends back what it
// reads, byte for byte, and knows nothing of WebSocket.
//
//   plain-echo [port]       0, or none: a free one

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>

int fail(const char* what) {
    perror(what);
    return 1;
}

int main(int argc, char** argv) {
    int listener = socket(AF_INET, SOCK_STREAM, 0);
    if (listener < 0) return fail("socket");
    int on = 1;
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    sockaddr_in address = {};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons(argc > 1 ? atoi(argv[1]) : 0);
    socklen_t length = sizeof address;
    if (bind(listener, (sockaddr*)&address, length) != 0) return fail("bind");
    if (listen(listener, 16) != 0) return fail("listen");
    if (getsockname(listener, (sockaddr*)&address, &length) != 0) return fail("getsockname");
    printf("listening on 127.0.0.1:%d\n", ntohs(address.sin_port));
    fflush(stdout);

    char buffer[4096];
    for (;;) {
        int client = accept(listener, nullptr, nullptr);
        if (client < 0) return fail("accept");
        ssize_t count;
        while ((count = recv(client, buffer, sizeof buffer, 0)) > 0) {
            if (send(client, buffer, count, MSG_NOSIGNAL) != count) break; // blocks until all is taken
        }
        close(client);
    }
}
