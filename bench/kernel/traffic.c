// Traffic for `npm run bench:kernel`, built there with `cc -O2`. Prints one line: {"sent": N, "seconds": S, "cpu": S}.
//
//   traffic udp ADDRESS PORT BYTES SECONDS     datagrams through one connected socket, 64 a system call
//   traffic flows ADDRESS PORT BYTES COUNT     one datagram to each of COUNT addresses from ADDRESS on
//   traffic tcp ADDRESS PORT SECONDS           one connection, 64 KiB a write; sent counts bytes
//   traffic sink PORT                          takes one TCP connection after the other and reads them; prints nothing
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define BATCH 64
static char data[65536];

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec + t.tv_nsec / 1e9;
}

static void must(int ok, const char *what) {
  if (ok) return;
  perror(what);
  exit(1);
}

static struct sockaddr_in address(const char *ip, const char *port) {
  struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(atoi(port))};
  must(inet_pton(AF_INET, ip, &a.sin_addr) == 1, ip);
  return a;
}

/* processor time of this process, which is also what the softirqs that it raises take */
static double cpu(void) {
  struct rusage u;
  getrusage(RUSAGE_SELF, &u);
  return u.ru_utime.tv_sec + u.ru_stime.tv_sec + (u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6;
}

static int report(long long sent, double began, double cpu_began) {
  printf("{\"sent\": %lld, \"seconds\": %.6f, \"cpu\": %.6f}\n", sent, now() - began, cpu() - cpu_began);
  return 0;
}

/* seconds > 0: for so long, all to one address; else `count` addresses, one datagram each */
static int datagrams(struct sockaddr_in to, int bytes, double seconds, long long count) {
  struct mmsghdr messages[BATCH] = {0};
  struct sockaddr_in names[BATCH];
  struct iovec part = {data, bytes};
  int fd = socket(AF_INET, SOCK_DGRAM, 0);
  must(fd >= 0, "socket");
  if (seconds > 0) must(connect(fd, (struct sockaddr *)&to, sizeof to) == 0, "connect");
  for (int i = 0; i < BATCH; i++) {
    messages[i].msg_hdr.msg_iov = &part;
    messages[i].msg_hdr.msg_iovlen = 1;
    if (seconds > 0) continue;
    names[i] = to;
    messages[i].msg_hdr.msg_name = &names[i];
    messages[i].msg_hdr.msg_namelen = sizeof names[i];
  }
  long long sent = 0;
  double began = now(), cpu_began = cpu();
  for (int round = 0; seconds > 0 || sent < count; round++) {
    int n = BATCH;
    if (seconds > 0) {
      if (!(round & 15) && now() - began >= seconds) break;
    } else {
      if (count - sent < n) n = count - sent;
      for (int i = 0; i < n; i++) names[i].sin_addr.s_addr = htonl(ntohl(to.sin_addr.s_addr) + sent + i);
    }
    n = sendmmsg(fd, messages, n, 0);
    must(n > 0, "sendmmsg");
    sent += n;
  }
  return report(sent, began, cpu_began);
}

static int stream(struct sockaddr_in to, double seconds) {
  int fd = socket(AF_INET, SOCK_STREAM, 0);
  must(connect(fd, (struct sockaddr *)&to, sizeof to) == 0, "connect");
  long long sent = 0;
  double began = now(), cpu_began = cpu();
  while (now() - began < seconds) {
    ssize_t n = write(fd, data, sizeof data);
    must(n > 0, "write");
    sent += n;
  }
  return report(sent, began, cpu_began);
}

static int sink(struct sockaddr_in at) {
  int fd = socket(AF_INET, SOCK_STREAM, 0), one = 1;
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
  must(bind(fd, (struct sockaddr *)&at, sizeof at) == 0, "bind");
  must(listen(fd, 8) == 0, "listen");
  for (;;) {
    int got = accept(fd, 0, 0);
    must(got >= 0, "accept");
    while (read(got, data, sizeof data) > 0);
    close(got);
  }
}

int main(int n, char **arg) {
  if (n == 6 && !strcmp(arg[1], "udp")) return datagrams(address(arg[2], arg[3]), atoi(arg[4]), atof(arg[5]), 0);
  if (n == 6 && !strcmp(arg[1], "flows")) return datagrams(address(arg[2], arg[3]), atoi(arg[4]), 0, atoll(arg[5]));
  if (n == 5 && !strcmp(arg[1], "tcp")) return stream(address(arg[2], arg[3]), atof(arg[4]));
  if (n == 3 && !strcmp(arg[1], "sink")) return sink(address("0.0.0.0", arg[2]));
  fprintf(stderr, "usage: see the head of traffic.c\n");
  return 2;
}
