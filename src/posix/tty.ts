// A terminal: what is typed goes through the line discipline to whoever reads, what is written goes to a screen. Answers to
// drivers/tty/n_tty.c and pty.c as far as shells, `docker run -t` and Ctrl-C need them: canonical and raw input, echo,
// erase, signals for the process group in front, newline translation, size. Leaves out flow control and sessions.

import { concatBytes } from "../base/bytes.ts";
import { type Task, WaitQueue } from "../sim/task.ts";
import { OpenFile } from "./file.ts";
import { type Machine, type Process, SIGCONT, SIGHUP, SIGINT, SIGQUIT, SIGTSTP, SIGTTIN, SIGWINCH } from "./process.ts";

/** The part of termios(3) that is modelled. */
export interface TtyMode {
  /** ICANON: lines are edited here and handed over whole */
  readonly canonical: boolean;
  readonly echo: boolean;
  /** ISIG: Ctrl-C, Ctrl-\ and Ctrl-Z are signals */
  readonly signals: boolean;
  /** OPOST|ONLCR: a newline on the screen is carriage return and newline */
  readonly postprocess: boolean;
}

/** What a terminal begins with. */
export const COOKED: TtyMode = { canonical: true, echo: true, signals: true, postprocess: true };
/** cfmakeraw(3) */
export const RAW: TtyMode = { canonical: false, echo: false, signals: false, postprocess: false };
/** While a line editor reads keys: only the output is translated. */
export const EDITING: TtyMode = { canonical: false, echo: false, signals: false, postprocess: true };

const CTRL_C = 3;
const CTRL_D = 4;
const BACKSPACE = 8;
const TAB = 9;
const NEWLINE = 10;
const RETURN = 13;
const CTRL_U = 21;
const CTRL_W = 23;
const CTRL_Z = 26;
const CTRL_BACKSLASH = 28;
const SPACE = 32;
const DELETE = 127;

const SIGNAL_OF: ReadonlyMap<number, number> = new Map([
  [CTRL_C, SIGINT],
  [CTRL_BACKSLASH, SIGQUIT],
  [CTRL_Z, SIGTSTP],
]);

/** One terminal (a pseudo-terminal's both ends). */
export class Tty {
  readonly machine: Machine;
  /** as its users see it: each is the first of its own /dev/pts */
  readonly name: string = "pts/0";
  /** process group in front (tcsetpgrp): it gets the signals of the keyboard and may read */
  foreground = 0;
  columns: number;
  rows: number;
  /** woken when a line or a key can be read, or another group comes to the front */
  readonly readQueue: WaitQueue = new WaitQueue();
  /** how many threads wait for somebody to type */
  waiting = 0;
  /** what is typed here goes on to another terminal (docker run -it) */
  passesTo: Tty | undefined;
  readonly #screen: (bytes: Uint8Array) => Task<void>;
  #mode: TtyMode = COOKED;
  /** what can be read: lines, keys; an empty one is an end of file (Ctrl-D) */
  #ready: Uint8Array[] = [];
  /** the line that is being typed */
  #line: number[] = [];
  #hungUp = false;

  /** @param screen takes what is shown, as bytes of a terminal */
  constructor(machine: Machine, screen: (bytes: Uint8Array) => Task<void>, columns = 80, rows = 24) {
    this.machine = machine;
    this.#screen = screen;
    this.columns = columns;
    this.rows = rows;
  }

  get mode(): TtyMode {
    return this.#mode;
  }

  /** tcsetattr(3). What was typed ahead stays readable. */
  setMode(mode: TtyMode): void {
    if (this.#mode.canonical !== mode.canonical) {
      if (this.#line.length > 0) this.#ready.push(Uint8Array.from(this.#line.splice(0)));
      // keys that came while ICRNL was off
      if (mode.canonical)
        for (const chunk of this.#ready)
          chunk.forEach((byte, i) => {
            if (byte === RETURN) chunk[i] = NEWLINE;
          });
    }
    this.#mode = mode;
  }

  /** TIOCSWINSZ: the group in front hears of it. */
  resize(columns: number, rows: number): void {
    if (columns === this.columns && rows === this.rows) return;
    this.columns = columns;
    this.rows = rows;
    if (this.foreground !== 0) this.machine.killGroup(this.foreground, SIGWINCH);
  }

  /** tcsetpgrp(3) */
  setForeground(pgid: number): void {
    this.foreground = pgid;
    this.readQueue.wakeAll();
  }

  /** The keyboard's end: bytes that somebody typed. */
  *type(bytes: Uint8Array): Task<void> {
    const echo: number[] = [];
    for (const byte of bytes) this.#key(byte, echo);
    if (echo.length > 0) yield* this.#screen(Uint8Array.from(echo));
  }

  /** The line was cut: readers see the end of the file, the group in front gets SIGHUP. */
  hangUp(): void {
    this.#hungUp = true;
    if (this.foreground !== 0) {
      this.machine.killGroup(this.foreground, SIGHUP);
      this.machine.killGroup(this.foreground, SIGCONT);
    }
    this.readQueue.wakeAll();
  }

  #key(byte: number, echo: number[]): void {
    const { canonical, signals } = this.#mode;
    const show = this.#mode.echo ? echo : [];
    const signal = signals ? SIGNAL_OF.get(byte) : undefined;
    if (signal !== undefined) {
      show.push(...caret(byte));
      // NOFLSH is off: what was typed is forgotten
      this.#line = [];
      this.#ready = [];
      if (this.foreground !== 0) this.machine.killGroup(this.foreground, signal);
      return;
    }
    if (!canonical) {
      this.#ready.push(Uint8Array.of(byte));
      if (this.#mode.echo) show.push(byte);
      this.readQueue.wakeAll();
      return;
    }
    switch (byte) {
      case RETURN:
      case NEWLINE:
        this.#line.push(NEWLINE);
        show.push(RETURN, NEWLINE);
        this.#hand();
        return;
      case CTRL_D:
        this.#hand();
        return;
      case BACKSPACE:
      case DELETE:
        this.#erase(show);
        return;
      case CTRL_U:
        while (this.#line.length > 0) this.#erase(show);
        return;
      case CTRL_W:
        while (this.#line.at(-1) === SPACE) this.#erase(show);
        while (this.#line.length > 0 && this.#line.at(-1) !== SPACE) this.#erase(show);
        return;
      default:
        this.#line.push(byte);
        show.push(...(byte < SPACE && byte !== TAB ? caret(byte) : [byte]));
    }
  }

  /** What was typed so far can be read; nothing typed is an end of file. */
  #hand(): void {
    this.#ready.push(Uint8Array.from(this.#line.splice(0)));
    this.readQueue.wakeAll();
  }

  /** Takes the last character, all of its UTF-8 bytes, off line and screen. */
  #erase(show: number[]): void {
    let byte = this.#line.pop();
    if (byte === undefined) return;
    const width = byte < SPACE && byte !== TAB ? 2 : 1;
    while (byte !== undefined && (byte & 0xc0) === 0x80) byte = this.#line.pop();
    for (let i = 0; i < width; i++) show.push(BACKSPACE, SPACE, BACKSPACE);
  }

  /** Does whoever is in front wait for somebody to type? */
  get waitsForKeys(): boolean {
    return this.passesTo ? this.passesTo.waitsForKeys : this.waiting > 0;
  }

  readable(): boolean {
    return this.#hungUp || this.#ready.length > 0;
  }

  /** read(2) in the name of a process group: one in the background is stopped (SIGTTIN). null at an end of file. */
  *read(max: number, pgid: () => number): Task<Uint8Array | null> {
    for (;;) {
      const group = pgid();
      if (group !== 0 && this.foreground !== 0 && group !== this.foreground) {
        this.machine.killGroup(group, SIGTTIN);
        yield* this.readQueue.wait();
        continue;
      }
      if (this.#ready.length > 0 || this.#hungUp) break;
      this.waiting++;
      try {
        yield* this.readQueue.wait();
      } finally {
        this.waiting--;
      }
    }
    if (this.#ready.length === 0) return null;
    const all = this.#mode.canonical ? this.#ready.shift()! : concatBytes(this.#ready.splice(0));
    if (all.length === 0) return null;
    if (all.length > max) this.#ready.unshift(all.slice(max));
    return all.slice(0, max);
  }

  /** Gives back what was read too much. */
  unread(bytes: Uint8Array): void {
    if (bytes.length === 0) return;
    this.#ready.unshift(bytes.slice());
    this.readQueue.wakeAll();
  }

  /** write(2) */
  *write(bytes: Uint8Array): Task<void> {
    yield* this.#screen(this.#mode.postprocess ? onlcr(bytes) : bytes);
  }

  /** A descriptor of it, for standard input, output and error alike. */
  open(): TtyFile {
    return new TtyFile(this, 0);
  }
}

/** An open terminal. */
export class TtyFile extends OpenFile {
  override readonly isTty: boolean = true;
  readonly tty: Tty;
  /** whose reads these are; 0: not known, never stopped */
  readonly #pgid: number;

  /** @internal use Tty.open */
  constructor(tty: Tty, pgid: number) {
    super();
    this.tty = tty;
    this.#pgid = pgid;
  }

  override get readQueue(): WaitQueue {
    return this.tty.readQueue;
  }

  override readable(): boolean {
    return this.tty.readable();
  }

  override *read(max: number): Task<Uint8Array | null> {
    return yield* this.tty.read(max, () => this.#pgid);
  }

  override *write(bytes: Uint8Array): Task<void> {
    yield* this.tty.write(bytes);
  }

  override unread(bytes: Uint8Array): boolean {
    this.tty.unread(bytes);
    return true;
  }

  /** The same terminal, opened for a job. */
  forGroup(pgid: number): TtyFile {
    return new TtyFile(this.tty, pgid);
  }
}

/** The terminal that a process reads from; undefined when its stdin is none. */
export function terminalOf(proc: Process): Tty | undefined {
  const file = proc.fds.get(0);
  return file instanceof TtyFile ? file.tty : undefined;
}

/** The terminal that a process shows as its own (its standard descriptors tell). */
export function controllingTerminal(proc: Process): Tty | undefined {
  for (const fd of [0, 1, 2]) {
    const file = proc.fds.get(fd);
    if (file instanceof TtyFile) return file.tty;
  }
  return undefined;
}

/** setpgid(2) for a job of a shell: it reads its terminal as a member of that group. */
export function joinGroup(proc: Process, pgid: number): void {
  proc.pgid = pgid;
  const stdin = proc.fds.get(0);
  if (stdin instanceof TtyFile) {
    proc.fds.set(0, stdin.forGroup(pgid));
    stdin.release();
  }
}

/** "^C" */
function caret(byte: number): readonly number[] {
  return [0x5e, byte ^ 0x40];
}

/** Every newline becomes carriage return and newline. */
export function onlcr(bytes: Uint8Array): Uint8Array {
  let extra = 0;
  for (const byte of bytes) if (byte === NEWLINE) extra++;
  if (extra === 0) return bytes;
  const out = new Uint8Array(bytes.length + extra);
  let at = 0;
  for (const byte of bytes) {
    if (byte === NEWLINE) out[at++] = RETURN;
    out[at++] = byte;
  }
  return out;
}
