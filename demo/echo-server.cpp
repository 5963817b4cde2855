// A TCP echo server on Berkeley sockets, for Linux, macOS and Windows. It knows nothing of WebSocket: wsferry
// joins the page to it. It answers each message with "<message> from the server"; the message "exit" stops it.
//
//   Linux, macOS     g++ echo-server.cpp -o echo-server
//   Windows, MinGW   g++ echo-server.cpp -o echo-server.exe -lws2_32
//   Windows, MSVC    cl /EHsc echo-server.cpp ws2_32.lib
//
//   echo-server [port]      5000 when no port is given; 0 takes a free one
//
// It is C++11 that older compilers take too (Apple's uses C++98 unless told otherwise): no auto, no lambda.

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <list>
#include <string>

// ---- What differs between the systems has one name each here; below this block there is one code for all ----
#ifdef _WIN32
#define FD_SETSIZE 1024 // WinSock's select() takes only 64 sockets unless told otherwise before the include
#include <winsock2.h>
#include <ws2tcpip.h>
typedef SOCKET Socket;
typedef int Length;
const Socket no_socket = INVALID_SOCKET;
const int end_of_writing = SD_SEND;
int last_error() { return WSAGetLastError(); }
std::string error_text(int error) {
    char text[40];
    snprintf(text, sizeof text, "WinSock error %d", error);
    return text;
}
bool is_port_taken(int error) { return error == WSAEADDRINUSE || error == WSAEACCES; }
bool is_temporary(int error) { return error == WSAEWOULDBLOCK || error == WSAEINTR || error == WSAECONNABORTED; }
bool fits_select(Socket) { return true; } // there FD_SETSIZE limits how many sockets, not their numbers
void close_socket(Socket socket) { closesocket(socket); }
bool prepare(Socket socket) { u_long on = 1; return ioctlsocket(socket, FIONBIO, &on) == 0; }
void set_listener_options(Socket socket) { // on Windows SO_REUSEADDR would let two servers share the port
    int on = 1;
    setsockopt(socket, SOL_SOCKET, SO_EXCLUSIVEADDRUSE, reinterpret_cast<const char*>(&on), sizeof on);
}
bool start_sockets() {
    WSADATA data;
    SetConsoleOutputCP(CP_UTF8);
    return WSAStartup(MAKEWORD(2, 2), &data) == 0;
}
#else
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <unistd.h>
typedef int Socket;
typedef socklen_t Length;
const Socket no_socket = -1;
const int end_of_writing = SHUT_WR;
int last_error() { return errno; }
std::string error_text(int error) { return strerror(error); }
bool is_port_taken(int error) { return error == EADDRINUSE; }
bool is_temporary(int error) {
    return error == EAGAIN || error == EWOULDBLOCK || error == EINTR || error == ECONNABORTED;
}
bool fits_select(Socket socket) { return socket < FD_SETSIZE; }
void close_socket(Socket socket) { close(socket); }
bool prepare(Socket socket) { return fcntl(socket, F_SETFL, fcntl(socket, F_GETFL) | O_NONBLOCK) == 0; }
void set_listener_options(Socket socket) { // a new start may take the port while old connections fade away
    int on = 1;
    setsockopt(socket, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
}
bool start_sockets() { return signal(SIGPIPE, SIG_IGN) != SIG_ERR; } // send() to a lost client fails, nobody dies
#endif
// -------------------------------------------------------------------------------------------------------------

struct Client {
    Socket socket;
    std::string name;   // its address and port
    std::string unsent; // the part of the answer that the socket has not taken yet
    bool ended;         // it has sent everything (we have read its FIN)
    bool told_end;      // we have sent everything (it gets our FIN)
};

const size_t chunk_size = 4096;
const size_t max_clients = FD_SETSIZE - 8; // what one select() can watch
const int patience = 2; // seconds that clients may take to leave after "exit"

std::string number(int value) {
    char text[16];
    snprintf(text, sizeof text, "%d", value);
    return text;
}

void say(const std::string& line) {
    printf("%s\n", line.c_str());
    fflush(stdout); // a pipe sees the line at once too
}

int fail(const std::string& what, int error) {
    fprintf(stderr, "echo-server: %s: %s\n", what.c_str(), error_text(error).c_str());
    return 1;
}

// Control bytes as \n or \x1b, so that a message cannot play tricks with the terminal.
std::string printable(const std::string& bytes) {
    std::string text;
    for (size_t i = 0; i < bytes.size(); ++i) {
        const unsigned char byte = static_cast<unsigned char>(bytes[i]);
        char hex[8];
        snprintf(hex, sizeof hex, "\\x%02x", static_cast<unsigned>(byte));
        if (byte == '\n') text += "\\n";
        else if (byte == '\r') text += "\\r";
        else if (byte == '\\') text += "\\\\";
        else if (byte < 0x20 || byte == 0x7f) text += hex;
        else text += static_cast<char>(byte);
    }
    return text;
}

std::string name_of(const sockaddr_in& address) {
    char host[INET_ADDRSTRLEN] = "";
    inet_ntop(AF_INET, const_cast<in_addr*>(&address.sin_addr), host, sizeof host);
    return std::string(host) + ":" + number(ntohs(address.sin_port));
}

// socket → bind → listen. Only programs on this machine reach 127.0.0.1; INADDR_ANY would open it to the network.
int start_listening(Socket& listener, unsigned short port) {
    listener = socket(AF_INET, SOCK_STREAM, 0);
    if (listener == no_socket) return fail("cannot make a socket", last_error());
    set_listener_options(listener);

    sockaddr_in address;
    memset(&address, 0, sizeof address);
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons(port); // ports travel with the high byte first
    if (bind(listener, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) {
        const int error = last_error();
        if (!is_port_taken(error)) return fail("cannot use port " + number(port), error);
        return fail("port " + number(port) + " is taken; try another one, like: echo-server 5001", error);
    }
    if (listen(listener, SOMAXCONN) != 0 || !prepare(listener)) return fail("cannot listen", last_error());

    Length length = sizeof address; // ask for the port: with 0 the system has chosen it
    getsockname(listener, reinterpret_cast<sockaddr*>(&address), &length);
    say("listening on " + name_of(address));
    return 0;
}

// False when no further client can be taken before one leaves (no file descriptors left).
bool accept_client(Socket listener, std::list<Client>& clients) {
    sockaddr_in address;
    Length length = sizeof address;
    const Socket socket = accept(listener, reinterpret_cast<sockaddr*>(&address), &length);
    if (socket == no_socket) return is_temporary(last_error());
    if (!fits_select(socket) || !prepare(socket)) {
        close_socket(socket);
        return false;
    }
    const Client client = {socket, name_of(address), "", false, false};
    clients.push_back(client);
    say(clients.back().name + " connected");
    return true;
}

// Reads what is there: one call may give half a message or three of them, as TCP is a stream of bytes.
// False when the client is lost.
bool read_from(Client& client, bool& stopping) {
    char buffer[chunk_size];
    const long count = recv(client.socket, buffer, sizeof buffer, 0);
    if (count < 0) return is_temporary(last_error());
    if (count == 0) {
        client.ended = true;
        return true;
    }
    if (stopping) return true; // after "exit" nothing is answered, but unread bytes would turn our FIN into an RST

    const std::string chunk(buffer, static_cast<size_t>(count));
    say(client.name + " read: " + printable(chunk));
    const size_t text_size = chunk.find_last_not_of("\r\n") + 1; // a line break stays at the end of the answer
    client.unsent = chunk.substr(0, text_size) + " from the server" + chunk.substr(text_size);
    if (chunk.substr(0, text_size) == "exit") stopping = true;
    return true;
}

// Writes as much as the socket takes now; the rest waits until select() says that there is room again.
// False when the client is lost.
bool write_to(Client& client) {
    const long count = send(client.socket, client.unsent.data(), static_cast<int>(client.unsent.size()), 0);
    if (count < 0) return is_temporary(last_error());
    say(client.name + " wrote: " + printable(client.unsent.substr(0, static_cast<size_t>(count))));
    client.unsent.erase(0, static_cast<size_t>(count));
    return true;
}

// One thread serves all: select() waits until any socket can be read or written without blocking.
int serve(Socket listener) {
    std::list<Client> clients;
    bool stopping = false, room = true;
    time_t deadline = 0;

    while (!stopping || (!clients.empty() && time(NULL) <= deadline)) {
        fd_set readable, writable;
        FD_ZERO(&readable);
        FD_ZERO(&writable);
        Socket highest = 0;
        if (!stopping && room && clients.size() < max_clients) {
            FD_SET(listener, &readable);
            highest = listener;
        }
        for (std::list<Client>::iterator it = clients.begin(); it != clients.end(); ++it) {
            Client& client = *it;
            if (stopping && client.unsent.empty() && !client.told_end) {
                shutdown(client.socket, end_of_writing); // FIN: "that was all"; its own last bytes may still come
                client.told_end = true;
            }
            // Nothing is read from a client that has not taken its last answer yet: so a slow one costs us one
            // chunk of memory, and TCP tells it to wait.
            if (!client.ended && (client.unsent.empty() || stopping)) FD_SET(client.socket, &readable);
            if (!client.unsent.empty()) FD_SET(client.socket, &writable);
            if (client.socket > highest) highest = client.socket;
        }
        timeval second = {1, 0}; // NULL: wait for ever
        if (select(static_cast<int>(highest) + 1, &readable, &writable, NULL, stopping ? &second : NULL) < 0) {
            if (is_temporary(last_error())) continue; // a signal came in between
            return fail("select", last_error());
        }

        if (!stopping && FD_ISSET(listener, &readable)) room = accept_client(listener, clients) || clients.empty();
        const bool was_stopping = stopping;
        for (std::list<Client>::iterator client = clients.begin(); client != clients.end();) {
            bool alive = true;
            if (FD_ISSET(client->socket, &readable)) alive = read_from(*client, stopping);
            if (alive && FD_ISSET(client->socket, &writable)) alive = write_to(*client);
            if (alive && !(client->ended && client->unsent.empty())) {
                ++client;
                continue;
            }
            say(client->name + (alive ? " disconnected" : " lost"));
            close_socket(client->socket);
            client = clients.erase(client);
            room = true;
        }
        if (stopping && !was_stopping) {
            say("stopping");
            close_socket(listener); // nobody new from here on
            deadline = time(NULL) + patience;
        }
    }
    for (std::list<Client>::iterator it = clients.begin(); it != clients.end(); ++it) close_socket(it->socket);
    say("stopped");
    return 0;
}

int main(int argc, char** argv) {
    char* end = NULL;
    const long port = argc > 1 ? strtol(argv[1], &end, 10) : 5000;
    if (argc > 2 || port < 0 || port > 65535 || (end && (end == argv[1] || *end))) {
        fprintf(stderr, "usage: echo-server [port]     (0 to 65535; 0 takes a free port)\n");
        return 2;
    }
    if (!start_sockets()) return fail("cannot start the sockets", last_error());
    Socket listener;
    const int status = start_listening(listener, static_cast<unsigned short>(port));
    return status != 0 ? status : serve(listener);
}
