// A TCP client on Berkeley sockets, as one writes it for Linux. Emscripten compiles it for the browser, where
// only its loop differs: a page may not wait, so the browser calls again.
//
//   socket-client ADDRESS PORT MESSAGE LENGTH
//
// It sends MESSAGE, prints what comes, and leaves when LENGTH bytes came.

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <unistd.h>
#ifdef __EMSCRIPTEN__
#include <emscripten.h>
#endif

static int connection;
static const char *unsent;
static size_t unsent_length;
static size_t expected;
static size_t received;

static void finish(const char *how) {
    printf("\n%s after %zu bytes\n", how, received);
    close(connection);
#ifdef __EMSCRIPTEN__
    emscripten_cancel_main_loop();
#else
    exit(0);
#endif
}

static void send_some(void) {
    ssize_t sent = send(connection, unsent, unsent_length, 0);
    if (sent < 0) {
        if (errno != EAGAIN && errno != EINTR) finish(strerror(errno));
        return;
    }
    unsent += sent;
    unsent_length -= sent;
}

static void receive_some(void) {
    char room[4096];
    ssize_t length = recv(connection, room, sizeof room, 0);
    if (length < 0) {
        if (errno != EAGAIN && errno != EINTR) finish(strerror(errno));
        return;
    }
    if (length == 0) {
        finish("ended");
        return;
    }
    fwrite(room, 1, length, stdout);
    received += length;
    if (received >= expected) finish("complete");
}

static void step(void) {
    fd_set readable, writable;
    FD_ZERO(&readable);
    FD_ZERO(&writable);
    FD_SET(connection, &readable);
    if (unsent_length > 0) FD_SET(connection, &writable);
    struct timeval at_once = {0, 0};
    if (select(connection + 1, &readable, &writable, NULL, &at_once) <= 0) return;
    if (FD_ISSET(connection, &writable)) send_some();
    if (FD_ISSET(connection, &readable)) receive_some();
}

int main(int count, char **arguments) {
    if (count != 5) {
        fprintf(stderr, "usage: socket-client ADDRESS PORT MESSAGE LENGTH\n");
        return 2;
    }
    unsent = arguments[3];
    unsent_length = strlen(unsent);
    expected = strtoul(arguments[4], NULL, 10);

    struct sockaddr_in address;
    memset(&address, 0, sizeof address);
    address.sin_family = AF_INET;
    address.sin_port = htons(atoi(arguments[2]));
    inet_pton(AF_INET, arguments[1], &address.sin_addr);

    connection = socket(AF_INET, SOCK_STREAM, IPPROTO_TCP);
    fcntl(connection, F_SETFL, O_NONBLOCK);
    if (connect(connection, (struct sockaddr *)&address, sizeof address) < 0 && errno != EINPROGRESS) {
        perror("connect");
        return 1;
    }
#ifdef __EMSCRIPTEN__
    emscripten_set_main_loop(step, 50, 0);
#else
    for (;;) step();
#endif
    return 0;
}
