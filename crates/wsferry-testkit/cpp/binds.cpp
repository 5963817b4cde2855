// Binds what it is told, one socket after the other, and keeps them all; prints where each one is, or
// the number of the error.
//
//   binds [KIND HOST PORT]...
//
// KIND: tcp4 udp4 tcp6 udp6, tcp6only (without IPv4), tcp6short (an address without its scope, as in
// RFC 2133), unix (HOST is the path), closed (no socket), none (no address)

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <cerrno>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>

void print_place(int fd) {
    sockaddr_storage place = {};
    socklen_t length = sizeof place;
    getsockname(fd, (sockaddr*)&place, &length);
    char host[INET6_ADDRSTRLEN];
    if (place.ss_family == AF_INET) {
        auto& v4 = (sockaddr_in&)place;
        printf("%s %d\n", inet_ntop(AF_INET, &v4.sin_addr, host, sizeof host), ntohs(v4.sin_port));
    } else if (place.ss_family == AF_INET6) {
        auto& v6 = (sockaddr_in6&)place;
        printf("%s %d\n", inet_ntop(AF_INET6, &v6.sin6_addr, host, sizeof host), ntohs(v6.sin6_port));
    } else {
        printf("%s\n", ((sockaddr_un&)place).sun_path);
    }
}

void bind_one(const std::string& kind, const char* host, int port) {
    sockaddr_storage place = {};
    socklen_t length = 0;
    bool is_v6 = kind.find('6') != std::string::npos;
    if (kind == "unix") {
        place.ss_family = AF_UNIX;
        strncpy(((sockaddr_un&)place).sun_path, host, sizeof(sockaddr_un::sun_path) - 1);
        length = sizeof(sockaddr_un);
    } else if (is_v6) {
        auto& v6 = (sockaddr_in6&)place;
        v6.sin6_family = AF_INET6;
        v6.sin6_port = htons(port);
        inet_pton(AF_INET6, host, &v6.sin6_addr);
        length = kind == "tcp6short" ? offsetof(sockaddr_in6, sin6_scope_id) : sizeof v6;
    } else {
        auto& v4 = (sockaddr_in&)place;
        v4.sin_family = AF_INET;
        v4.sin_port = htons(port);
        inet_pton(AF_INET, host, &v4.sin_addr);
        length = sizeof v4;
    }
    int family = place.ss_family;
    int fd = kind == "closed" ? -1 : socket(family, kind.compare(0, 3, "udp") ? SOCK_STREAM : SOCK_DGRAM, 0);
    int on = 1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (is_v6) {
        int only = kind == "tcp6only";
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &only, sizeof only);
    }
    errno = 0;
    if (bind(fd, kind == "none" ? nullptr : (sockaddr*)&place, length) == 0) {
        print_place(fd);
    } else {
        printf("error %d\n", errno);
    }
}

int main(int argc, char** argv) {
    for (int i = 1; i + 2 < argc; i += 3) bind_one(argv[i], argv[i + 1], atoi(argv[i + 2]));
}
