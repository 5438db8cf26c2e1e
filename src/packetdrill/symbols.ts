// Constants that system calls of a script name, with the numbers of x86-64 Linux. Socket options are not here: they are
// known by their names.

import { Errno } from "../base/errno.ts";

export const O_WRONLY = 1;
export const O_RDWR = 2;
export const O_NONBLOCK = 0o4000;

export const POLLIN = 0x1;
export const POLLPRI = 0x2;
export const POLLOUT = 0x4;
export const POLLERR = 0x8;
export const POLLHUP = 0x10;
export const POLLNVAL = 0x20;
export const POLLRDNORM = 0x40;
export const POLLWRNORM = 0x100;
export const POLLRDHUP = 0x2000;

export const EPOLLONESHOT: number = 2 ** 30;
export const EPOLLET: number = 2 ** 31;

export const MSG_OOB = 0x1;
export const MSG_PEEK = 0x2;
export const MSG_TRUNC = 0x20;
export const MSG_DONTWAIT = 0x40;
export const MSG_EOR = 0x80;
export const MSG_WAITALL = 0x100;
export const MSG_ERRQUEUE = 0x2000;
export const MSG_NOSIGNAL = 0x4000;
export const MSG_MORE = 0x8000;
export const MSG_ZEROCOPY = 0x4000000;
export const MSG_FASTOPEN = 0x20000000;

export const F_GETFL = 3;
export const F_SETFL = 4;

export const SIOCINQ = 0x541b;
export const SIOCOUTQ = 0x5411;
export const SIOCOUTQNSD = 0x894b;

export const SYMBOLS: ReadonlyMap<string, number> = new Map(
  Object.entries({
    ...Errno,
    AF_INET: 2,
    AF_INET6: 10,
    PF_INET: 2,
    PF_INET6: 10,
    SOCK_STREAM: 1,
    SOCK_DGRAM: 2,
    SOCK_RAW: 3,
    SOCK_NONBLOCK: O_NONBLOCK,
    IPPROTO_IP: 0,
    IPPROTO_ICMP: 1,
    IPPROTO_TCP: 6,
    IPPROTO_UDP: 17,
    IPPROTO_IPV6: 41,
    SHUT_RD: 0,
    SHUT_WR: 1,
    SHUT_RDWR: 2,
    O_RDONLY: 0,
    O_WRONLY,
    O_RDWR,
    O_NONBLOCK,
    F_GETFL,
    F_SETFL,
    POLLIN,
    POLLPRI,
    POLLOUT,
    POLLERR,
    POLLHUP,
    POLLNVAL,
    POLLRDNORM,
    POLLRDBAND: 0x80,
    POLLWRNORM,
    POLLWRBAND: 0x200,
    POLLMSG: 0x400,
    POLLRDHUP,
    EPOLLIN: POLLIN,
    EPOLLPRI: POLLPRI,
    EPOLLOUT: POLLOUT,
    EPOLLERR: POLLERR,
    EPOLLHUP: POLLHUP,
    EPOLLRDNORM: POLLRDNORM,
    EPOLLWRNORM: POLLWRNORM,
    EPOLLRDHUP: POLLRDHUP,
    EPOLLONESHOT,
    EPOLLET,
    EPOLLEXCLUSIVE: 2 ** 28,
    EPOLL_CTL_ADD: 1,
    EPOLL_CTL_DEL: 2,
    EPOLL_CTL_MOD: 3,
    MSG_OOB,
    MSG_PEEK,
    MSG_TRUNC,
    MSG_DONTWAIT,
    MSG_EOR,
    MSG_WAITALL,
    MSG_ERRQUEUE,
    MSG_NOSIGNAL,
    MSG_MORE,
    MSG_ZEROCOPY,
    MSG_FASTOPEN,
    FIONREAD: SIOCINQ,
    SIOCINQ,
    SIOCOUTQ,
    SIOCOUTQNSD,
    SOL_IP: 0,
    SOL_SOCKET: 1,
    SOL_TCP: 6,
    SOL_IPV6: 41,
    IP_RECVERR: 11,
    IPV6_RECVERR: 25,
    TCP_CM_INQ: 36,
    SCM_TIMESTAMPING: 37,
    SCM_TSTAMP_SND: 0,
    SCM_TSTAMP_SCHED: 1,
    SCM_TSTAMP_ACK: 2,
    SO_EE_ORIGIN_NONE: 0,
    SO_EE_ORIGIN_LOCAL: 1,
    SO_EE_ORIGIN_ICMP: 2,
    SO_EE_ORIGIN_TIMESTAMPING: 4,
    SO_EE_ORIGIN_ZEROCOPY: 5,
    SO_EE_CODE_ZEROCOPY_COPIED: 1,
    SOF_TIMESTAMPING_TX_SOFTWARE: 2,
    SOF_TIMESTAMPING_SOFTWARE: 16,
    SOF_TIMESTAMPING_OPT_ID: 128,
    SOF_TIMESTAMPING_TX_SCHED: 256,
    SOF_TIMESTAMPING_TX_ACK: 512,
    IP_PMTUDISC_DONT: 0,
    IP_PMTUDISC_WANT: 1,
    IP_PMTUDISC_DO: 2,
    IP_PMTUDISC_PROBE: 3,
    EPOLL_CLOEXEC: 0o2000000,
  }),
);
