// Linux error numbers (include/uapi/asm-generic/errno*.h) with glibc's texts (strerror), and the one error
// that a user's mistake becomes. Only the numbers that the emulated system calls return are here.

/** Names of the errors that the emulated system calls return. */
export type ErrnoName =
  | "EPERM"
  | "ENOENT"
  | "ESRCH"
  | "EINTR"
  | "EIO"
  | "ENXIO"
  | "E2BIG"
  | "ENOEXEC"
  | "EBADF"
  | "ECHILD"
  | "EAGAIN"
  | "ENOMEM"
  | "EACCES"
  | "EBUSY"
  | "EEXIST"
  | "EFAULT"
  | "EXDEV"
  | "ENODEV"
  | "ENOTDIR"
  | "EISDIR"
  | "EINVAL"
  | "ENFILE"
  | "ENOTTY"
  | "EFBIG"
  | "ENOSPC"
  | "ESPIPE"
  | "EROFS"
  | "EMLINK"
  | "EPIPE"
  | "ERANGE"
  | "ENOSYS"
  | "ENOMSG"
  | "ENOTEMPTY"
  | "ELOOP"
  | "ENODATA"
  | "ENONET"
  | "ENOBUFS"
  | "EBADMSG"
  | "EPROTO"
  | "ENOTUNIQ"
  | "EDESTADDRREQ"
  | "EMSGSIZE"
  | "EPROTOTYPE"
  | "ENOPROTOOPT"
  | "EPROTONOSUPPORT"
  | "ESOCKTNOSUPPORT"
  | "EOPNOTSUPP"
  | "EAFNOSUPPORT"
  | "EADDRINUSE"
  | "EADDRNOTAVAIL"
  | "ENETDOWN"
  | "ENETUNREACH"
  | "ENETRESET"
  | "ECONNABORTED"
  | "ECONNRESET"
  | "EISCONN"
  | "ENOTCONN"
  | "ETIMEDOUT"
  | "ECONNREFUSED"
  | "EHOSTDOWN"
  | "EHOSTUNREACH"
  | "EALREADY"
  | "EINPROGRESS";

const table: readonly (readonly [ErrnoName, number, string])[] = [
  ["EPERM", 1, "Operation not permitted"],
  ["ENOENT", 2, "No such file or directory"],
  ["ESRCH", 3, "No such process"],
  ["EINTR", 4, "Interrupted system call"],
  ["EIO", 5, "Input/output error"],
  ["ENXIO", 6, "No such device or address"],
  ["E2BIG", 7, "Argument list too long"],
  ["ENOEXEC", 8, "Exec format error"],
  ["EBADF", 9, "Bad file descriptor"],
  ["ECHILD", 10, "No child processes"],
  ["EAGAIN", 11, "Resource temporarily unavailable"],
  ["ENOMEM", 12, "Cannot allocate memory"],
  ["EACCES", 13, "Permission denied"],
  ["EFAULT", 14, "Bad address"],
  ["EBUSY", 16, "Device or resource busy"],
  ["EEXIST", 17, "File exists"],
  ["EXDEV", 18, "Invalid cross-device link"],
  ["ENODEV", 19, "No such device"],
  ["ENOTDIR", 20, "Not a directory"],
  ["EISDIR", 21, "Is a directory"],
  ["EINVAL", 22, "Invalid argument"],
  ["ENFILE", 23, "Too many open files in system"],
  ["ENOTTY", 25, "Inappropriate ioctl for device"],
  ["EFBIG", 27, "File too large"],
  ["ENOSPC", 28, "No space left on device"],
  ["ESPIPE", 29, "Illegal seek"],
  ["EROFS", 30, "Read-only file system"],
  ["EMLINK", 31, "Too many links"],
  ["EPIPE", 32, "Broken pipe"],
  ["ERANGE", 34, "Numerical result out of range"],
  ["ENOSYS", 38, "Function not implemented"],
  ["ENOMSG", 42, "No message of desired type"],
  ["ENOTEMPTY", 39, "Directory not empty"],
  ["ELOOP", 40, "Too many levels of symbolic links"],
  ["ENODATA", 61, "No data available"],
  ["ENONET", 64, "Machine is not on the network"],
  ["ENOBUFS", 105, "No buffer space available"],
  ["EBADMSG", 74, "Bad message"],
  ["EPROTO", 71, "Protocol error"],
  ["ENOTUNIQ", 76, "Name not unique on network"],
  ["EDESTADDRREQ", 89, "Destination address required"],
  ["EMSGSIZE", 90, "Message too long"],
  ["EPROTOTYPE", 91, "Protocol wrong type for socket"],
  ["ENOPROTOOPT", 92, "Protocol not available"],
  ["EPROTONOSUPPORT", 93, "Protocol not supported"],
  ["ESOCKTNOSUPPORT", 94, "Socket type not supported"],
  ["EOPNOTSUPP", 95, "Operation not supported"],
  ["EAFNOSUPPORT", 97, "Address family not supported by protocol"],
  ["EADDRINUSE", 98, "Address already in use"],
  ["EADDRNOTAVAIL", 99, "Cannot assign requested address"],
  ["ENETDOWN", 100, "Network is down"],
  ["ENETUNREACH", 101, "Network is unreachable"],
  ["ENETRESET", 102, "Network dropped connection on reset"],
  ["ECONNABORTED", 103, "Software caused connection abort"],
  ["ECONNRESET", 104, "Connection reset by peer"],
  ["EISCONN", 106, "Transport endpoint is already connected"],
  ["ENOTCONN", 107, "Transport endpoint is not connected"],
  ["ETIMEDOUT", 110, "Connection timed out"],
  ["ECONNREFUSED", 111, "Connection refused"],
  ["EHOSTDOWN", 112, "Host is down"],
  ["EHOSTUNREACH", 113, "No route to host"],
  ["EALREADY", 114, "Operation already in progress"],
  ["EINPROGRESS", 115, "Operation now in progress"],
];

/** The number of each error, positive: `Errno.ENOENT === 2`. */
export const Errno: Readonly<Record<ErrnoName, number>> = Object.fromEntries(
  table.map(([name, number]) => [name, number]),
) as Record<ErrnoName, number>;

const byNumber = new Map<number, readonly [ErrnoName, string]>(
  table.map(([name, number, text]) => [number, [name, text]]),
);

/** glibc's text for an error number: `strerror(2) === "No such file or directory"`. */
export function strerror(errno: number): string {
  return errno === 0 ? "Success" : (byNumber.get(errno)?.[1] ?? `Unknown error ${errno}`);
}

/** `errnoName(2) === "ENOENT"`. */
export function errnoName(errno: number): string {
  return byNumber.get(errno)?.[0] ?? `E${errno}`;
}

/** What a system call refuses: an errno and, where the kernel gives one (netlink extack), its sentence. */
export class NetError extends Error {
  override readonly name: string = "NetError";
  /** Positive Linux error number. */
  readonly errno: number;
  /** The kernel's own sentence (netlink extended ack), or undefined. */
  readonly extack: string | undefined;

  constructor(errno: number, extack?: string) {
    super(extack ?? strerror(errno));
    this.errno = errno;
    this.extack = extack;
  }
}
