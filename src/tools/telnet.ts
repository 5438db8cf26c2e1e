// telnet in two forms, GNU inetutils' (Debian 12) and busybox's: a TCP connection between standard input and output, lines
// sent with CR LF, every option that the peer proposes declined (RFC 854). No terminal modes and no escape commands.

import { concatBytes } from "../base/bytes.ts";
import { Errno, strerror } from "../base/errno.ts";
import { type Ns, USEC } from "../base/time.ts";
import { openSocket } from "../host/host.ts";
import { AF_INET, SHUT_WR, SOCK_STREAM } from "../net/core/sock.ts";
import type { Socket } from "../net/socket.ts";
import { NullFile } from "../posix/file.ts";
import type { Process, Program } from "../posix/process.ts";
import { sleep, type Task } from "../sim/task.ts";
import { formatIpv4 } from "../wire/addr.ts";
import { withCrlf } from "./nc/client.ts";
import { getopt } from "./net-util/getopt.ts";
import { GaiError, getaddrinfo } from "./net-util/resolve.ts";
import { serviceNumber } from "./net-util/services.ts";
import { errnoOf, pollEntries, pollIn } from "./net-util/sockets.ts";
import { Stdout } from "./net-util/stdio.ts";

const START_NS: Ns = 700 * USEC;
const ROUND_NS: Ns = 15 * USEC;
const READ_BYTES = 8192;
const TELNET_PORT = 23;
const IAC = 255;
const DONT = 254;
const DO = 253;
const WONT = 252;
const WILL = 251;
const SB = 250;
const SE = 240;

const BUSYBOX_USAGE = `BusyBox v1.35.0 (Debian 1:1.35.0-4+deb12u1+b1) multi-call binary.

Usage: telnet [-a] [-l USER] HOST [PORT]

Connect to telnet server

	-a	Automatic login with $USER variable
	-l USER	Automatic login as USER
`;

export const telnet: Program = function* (proc: Process): Task<number> {
  const parsed = getopt(proc.argv.slice(1), "4E8");
  if (parsed.error !== undefined) {
    yield* proc.printError(`telnet: ${parsed.error}\nTry 'telnet --help' or 'telnet --usage' for more information.\n`);
    return 64;
  }
  const [host, portText = "23"] = parsed.operands;
  if (host === undefined) {
    yield* proc.printError("telnet: interactive mode is not supported\n");
    return 1;
  }
  yield* sleep(START_NS);
  const port = /^\d+$/.test(portText) ? Number(portText) : serviceNumber(portText, "tcp");
  let address: number;
  try {
    if (port === undefined || port > 65535) throw new GaiError("Servname not supported for ai_socktype");
    address = (yield* getaddrinfo(proc, host)).addresses[0]!;
  } catch (error) {
    if (!(error instanceof GaiError)) throw error;
    yield* proc.printError(`Server lookup failure:  ${host}:${portText}, ${error.message}\n`);
    return 1;
  }
  const out = new Stdout(proc);
  yield* out.print(`Trying ${formatIpv4(address)}...\n`);
  const socket = openSocket(proc, AF_INET, SOCK_STREAM);
  try {
    yield* socket.connect({ addr: address, port });
  } catch (error) {
    yield* proc.printError(`telnet: Unable to connect to remote host: ${strerror(errnoOf(error))}\n`);
    yield* out.flush();
    return 1;
  }
  yield* out.print(`Connected to ${host}.\nEscape character is '^]'.\n`);
  yield* out.flush();
  yield* new TelnetSession(proc, socket, false).run();
  yield* proc.printError("Connection closed by foreign host.\n");
  return 0;
};

export const busyboxTelnet: Program = function* (proc: Process): Task<number> {
  const parsed = getopt(proc.argv.slice(1), "al:");
  const [host, portText] = parsed.operands;
  if (parsed.error !== undefined || host === undefined) {
    yield* proc.printError(parsed.error === undefined ? BUSYBOX_USAGE : `telnet: ${parsed.error}\n${BUSYBOX_USAGE}`);
    return 1;
  }
  if (parsed.options.length > 0) {
    yield* proc.printError(`telnet: option -${parsed.options[0]!.name} is not supported\n`);
    return 1;
  }
  yield* sleep(START_NS);
  const port = portText === undefined ? TELNET_PORT : Number(serviceNumber(portText, "tcp") ?? portText);
  let address: number;
  try {
    address = (yield* getaddrinfo(proc, host)).addresses[0]!;
  } catch (error) {
    if (!(error instanceof GaiError)) throw error;
    yield* proc.printError(`telnet: bad address '${host}'\n`);
    return 1;
  }
  const socket = openSocket(proc, AF_INET, SOCK_STREAM);
  try {
    yield* socket.connect({ addr: address, port });
  } catch (error) {
    yield* proc.printError(
      `telnet: can't connect to remote host (${formatIpv4(address)}): ${strerror(errnoOf(error))}\n`,
    );
    return 1;
  }
  const out = new Stdout(proc);
  yield* out.print(`Connected to ${host}\n`);
  const closedByPeer = yield* new TelnetSession(proc, socket, true).run();
  if (closedByPeer) yield* proc.printError("Connection closed by foreign host\n");
  yield* out.flush();
  return closedByPeer ? 1 : 0;
};

class TelnetSession {
  readonly #proc: Process;
  readonly #socket: Socket;
  readonly #endsWithStdin: boolean;
  #command: number[] = [];

  /** @param endsWithStdin busybox stops when standard input ends; inetutils waits for the peer */
  constructor(proc: Process, socket: Socket, endsWithStdin: boolean) {
    this.#proc = proc;
    this.#socket = socket;
    this.#endsWithStdin = endsWithStdin;
  }

  /** True when the peer ended the connection. */
  *run(): Task<boolean> {
    const stdin = this.#proc.fds.get(0) ?? new NullFile();
    let stdinOpen = true;
    for (;;) {
      const entries = stdinOpen ? [pollIn(this.#socket), pollIn(stdin)] : [pollIn(this.#socket)];
      const ready = yield* pollEntries(this.#proc, entries);
      yield* sleep(ROUND_NS);
      try {
        if (ready.includes(0)) {
          const { bytes } = yield* this.#socket.recv(READ_BYTES, { dontWait: true });
          if (bytes.length === 0) return true;
          yield* this.#proc.printBytes(yield* this.#plain(bytes));
        }
        if (!ready.includes(1)) continue;
        const typed = yield* stdin.read(READ_BYTES);
        if (typed) yield* this.#socket.send(escaped(withCrlf(typed)));
        else {
          stdinOpen = false;
          if (this.#endsWithStdin) return false;
          yield* this.#socket.shutdown(SHUT_WR);
        }
      } catch (error) {
        const errno = errnoOf(error);
        if (errno !== Errno.EAGAIN) return true;
      }
    }
  }

  /** Takes the telnet commands out and declines what they propose. */
  *#plain(bytes: Uint8Array): Task<Uint8Array> {
    const out: number[] = [];
    const answers: Uint8Array[] = [];
    for (const byte of bytes) {
      const command = this.#command;
      if (command.length === 0) {
        if (byte === IAC) command.push(byte);
        else if (byte !== 0x0d) out.push(byte);
        continue;
      }
      command.push(byte);
      const verb = command[1]!;
      if (command.length === 2) {
        if (verb === IAC) out.push(IAC);
        if (verb < SB || verb === IAC) this.#command = [];
      } else if (verb === SB) {
        if (byte === SE && command.at(-2) === IAC) this.#command = [];
      } else {
        if (verb === DO) answers.push(Uint8Array.of(IAC, WONT, byte));
        else if (verb === WILL) answers.push(Uint8Array.of(IAC, DONT, byte));
        this.#command = [];
      }
    }
    if (answers.length > 0) yield* this.#socket.send(concatBytes(answers));
    return Uint8Array.from(out);
  }
}

/** A byte 255 of the data is sent twice. */
function escaped(bytes: Uint8Array): Uint8Array {
  if (!bytes.includes(IAC)) return bytes;
  return Uint8Array.from([...bytes].flatMap((byte) => (byte === IAC ? [byte, byte] : [byte])));
}
