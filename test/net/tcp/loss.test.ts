import { expect, test } from "vitest";
import { tcpInfo } from "../../../src/net/ipv4/tcp.ts";
import type { Socket } from "../../../src/net/socket.ts";
import { bytes, connectTo, discard, MSEC, SEC, type Segment, server, sleep, streamSock, twoHosts } from "./tcp-lab.ts";

interface Upload {
  /** bytes, one write */
  readonly size?: number;
  readonly algorithm?: string;
  readonly sack?: boolean;
  /** one way */
  readonly delayMs?: number;
  /** the n-th segment with payload never arrives */
  readonly lose?: (segment: Segment, n: number) => boolean;
  readonly loseAck?: (segment: Segment, n: number) => boolean;
  /** how much later the n-th segment with payload is, in ms */
  readonly late?: (n: number) => number;
  readonly seconds?: number;
}

/** What happens on the wire while a sends to b, 10 ms away, and what a counted. */
function upload(
  how: Upload,
  ...counters: string[]
): { wire: string[]; counted: Record<string, number>; socket: Socket } {
  const { lab, a, b, wire } = twoHosts(false);
  const { size = 14_480, algorithm = "reno", delayMs = 10, late } = how;
  a.tcp.sysctl.congestionControl = algorithm;
  if (how.sack === false) a.sysctl("tcp_sack", 0);
  b.run("server", server(b, 80, discard));
  let sent = 0;
  a.delayOutgoing(delayMs * MSEC, ({ len }) => (len > 0 && late ? late(++sent) * MSEC : 0));
  b.delayOutgoing(delayMs * MSEC);
  let n = 0;
  b.loseIncoming((segment) => segment.len > 0 && how.lose !== undefined && how.lose(segment, ++n));
  let acks = 0;
  a.loseIncoming((segment) => how.loseAck?.(segment, ++acks) ?? false);
  let socket: Socket | undefined;
  a.run(
    "client",
    (function* () {
      socket = yield* connectTo(a, 80);
      yield* sleep(50 * MSEC);
      wire.take();
      yield* socket.send(bytes(size));
      yield* sleep(1000 * SEC);
    })(),
  );
  lab.run(how.seconds ?? 2);
  return { wire: wire.timed(), counted: a.counters(...counters), socket: socket! };
}

// RFC 6675, RFC 8985; tcp_sacktag_write_queue, tcp_rack_detect_loss, tcp_fastretrans_alert
test("a lost segment is sent again as soon as SACK tells of three behind it", () => {
  const { wire, counted, socket } = upload(
    { lose: (_, n) => n === 3 },
    "TCPSackRecovery",
    "TCPFastRetrans",
    "TCPLossProbes",
    "TCPTimeouts",
  );
  expect(wire).toMatchInlineSnapshot(`
    [
      "0.000 a [.] 1:1449 ack 1 win 63 len 1448",
      "0.000 a [P.] 1449:2897 ack 1 win 63 len 1448",
      "0.000 a [.] 2897:4345 ack 1 win 63 len 1448",
      "0.000 a [P.] 4345:5793 ack 1 win 63 len 1448",
      "0.000 a [.] 5793:7241 ack 1 win 63 len 1448",
      "0.000 a [P.] 7241:8689 ack 1 win 63 len 1448",
      "0.000 a [.] 8689:10137 ack 1 win 63 len 1448",
      "0.000 a [P.] 10137:11585 ack 1 win 63 len 1448",
      "0.000 a [.] 11585:13033 ack 1 win 63 len 1448",
      "0.000 a [P.] 13033:14481 ack 1 win 63 len 1448",
      "0.020 b [.] ack 1449 win 67",
      "0.020 b [.] ack 2897 win 70",
      "0.020 b [.] ack 2897 win 73 sack 4345-5793",
      "0.020 b [.] ack 2897 win 77 sack 4345-11585",
      "0.020 a [.] 2897:4345 ack 1 win 63 len 1448",
      "0.020 b [.] ack 2897 win 74 sack 4345-10137",
      "0.020 b [.] ack 2897 win 77 sack 4345-13033",
      "0.020 b [.] ack 2897 win 77 sack 4345-14481",
      "0.040 b [.] ack 14481 win 73",
    ]
  `);
  expect(counted).toMatchInlineSnapshot(`
    {
      "TCPFastRetrans": 1,
      "TCPLossProbes": 0,
      "TCPSackRecovery": 1,
      "TCPTimeouts": 0,
    }
  `);
  // RFC 5681 section 3.2: half of what was in flight
  const { sndCwnd, sndSsthresh, caState } = tcpInfo(streamSock(socket));
  expect([sndCwnd, sndSsthresh, caState]).toMatchInlineSnapshot(`
    [
      6,
      6,
      0,
    ]
  `);
});

// RFC 6675 section 5.1, RFC 6937; tcp_cwnd_reduction
test("two losses of one flight are repaired in one round trip, and CUBIC keeps seven tenths of the window", () => {
  const { wire, counted, socket } = upload(
    { lose: (_, n) => n === 2 || n === 5, algorithm: "cubic" },
    "TCPSackRecovery",
    "TCPFastRetrans",
  );
  expect(wire.filter((line) => line.includes(" a "))).toMatchInlineSnapshot(`
    [
      "0.000 a [.] 1:1449 ack 1 win 63 len 1448",
      "0.000 a [P.] 1449:2897 ack 1 win 63 len 1448",
      "0.000 a [.] 2897:4345 ack 1 win 63 len 1448",
      "0.000 a [P.] 4345:5793 ack 1 win 63 len 1448",
      "0.000 a [.] 5793:7241 ack 1 win 63 len 1448",
      "0.000 a [P.] 7241:8689 ack 1 win 63 len 1448",
      "0.000 a [.] 8689:10137 ack 1 win 63 len 1448",
      "0.000 a [P.] 10137:11585 ack 1 win 63 len 1448",
      "0.000 a [.] 11585:13033 ack 1 win 63 len 1448",
      "0.000 a [P.] 13033:14481 ack 1 win 63 len 1448",
      "0.020 a [.] 1449:2897 ack 1 win 63 len 1448",
      "0.020 a [.] 5793:7241 ack 1 win 63 len 1448",
    ]
  `);
  expect(counted).toMatchInlineSnapshot(`
    {
      "TCPFastRetrans": 2,
      "TCPSackRecovery": 1,
    }
  `);
  expect(tcpInfo(streamSock(socket)).sndSsthresh).toBe(7);
});

// RFC 6582 (NewReno); tcp_add_reno_sack, tcp_try_undo_partial
test("without SACK, three duplicate ACKs repair a loss, and a partial ACK the next", () => {
  const { wire, counted } = upload(
    { lose: (_, n) => n === 2 || n === 5, sack: false },
    "TCPSackRecovery",
    "TCPRenoRecovery",
    "TCPFastRetrans",
    "TCPTimeouts",
  );
  expect(wire).toMatchInlineSnapshot(`
    [
      "0.000 a [.] 1:1449 ack 1 win 63 len 1448",
      "0.000 a [P.] 1449:2897 ack 1 win 63 len 1448",
      "0.000 a [.] 2897:4345 ack 1 win 63 len 1448",
      "0.000 a [P.] 4345:5793 ack 1 win 63 len 1448",
      "0.000 a [.] 5793:7241 ack 1 win 63 len 1448",
      "0.000 a [P.] 7241:8689 ack 1 win 63 len 1448",
      "0.000 a [.] 8689:10137 ack 1 win 63 len 1448",
      "0.000 a [P.] 10137:11585 ack 1 win 63 len 1448",
      "0.000 a [.] 11585:13033 ack 1 win 63 len 1448",
      "0.000 a [P.] 13033:14481 ack 1 win 63 len 1448",
      "0.020 b [.] ack 1449 win 67",
      "0.020 b [.] ack 1449 win 67",
      "0.020 b [.] ack 1449 win 67",
      "0.020 b [.] ack 1449 win 67",
      "0.020 a [.] 1449:2897 ack 1 win 63 len 1448",
      "0.020 b [.] ack 1449 win 67",
      "0.020 b [.] ack 1449 win 67",
      "0.020 b [.] ack 1449 win 67",
      "0.020 b [.] ack 1449 win 67",
      "0.040 b [.] ack 5793 win 70",
      "0.040 a [.] 5793:7241 ack 1 win 63 len 1448",
      "0.060 b [.] ack 14481 win 73",
    ]
  `);
  expect(counted).toMatchInlineSnapshot(`
    {
      "TCPFastRetrans": 2,
      "TCPRenoRecovery": undefined,
      "TCPSackRecovery": 0,
      "TCPTimeouts": 0,
    }
  `);
});

// RFC 8985 section 7; tcp_schedule_loss_probe, tcp_send_loss_probe
test("when the last segment is lost, a probe after two round trips tells of it", () => {
  const { wire, counted } = upload(
    { lose: (_, n) => n === 10 },
    "TCPLossProbes",
    "TCPLossProbeRecovery",
    "TCPTimeouts",
    "TCPFastRetrans",
  );
  expect(wire).toMatchInlineSnapshot(`
    [
      "0.000 a [.] 1:1449 ack 1 win 63 len 1448",
      "0.000 a [P.] 1449:2897 ack 1 win 63 len 1448",
      "0.000 a [.] 2897:4345 ack 1 win 63 len 1448",
      "0.000 a [P.] 4345:5793 ack 1 win 63 len 1448",
      "0.000 a [.] 5793:7241 ack 1 win 63 len 1448",
      "0.000 a [P.] 7241:8689 ack 1 win 63 len 1448",
      "0.000 a [.] 8689:10137 ack 1 win 63 len 1448",
      "0.000 a [P.] 10137:11585 ack 1 win 63 len 1448",
      "0.000 a [.] 11585:13033 ack 1 win 63 len 1448",
      "0.000 a [P.] 13033:14481 ack 1 win 63 len 1448",
      "0.020 b [.] ack 1449 win 67",
      "0.020 b [.] ack 2897 win 70",
      "0.020 b [.] ack 4345 win 73",
      "0.020 b [.] ack 5793 win 75",
      "0.020 b [.] ack 10137 win 75",
      "0.020 b [.] ack 13033 win 77",
      "0.246 a [P.] 13033:14481 ack 1 win 63 len 1448",
      "0.266 b [.] ack 14481 win 80",
    ]
  `);
  expect(counted).toMatchInlineSnapshot(`
    {
      "TCPFastRetrans": 0,
      "TCPLossProbeRecovery": 0,
      "TCPLossProbes": 1,
      "TCPTimeouts": 0,
    }
  `);
});

test("a probe shows how much of the tail is lost, and the rest follows by fast retransmission", () => {
  const { wire, counted } = upload(
    // the probe is not quicker than the handshake was: else its SACK might be the original's (tcp_rack_advance)
    { lose: (_, n) => n >= 7 && n <= 10, late: (n) => (n > 10 ? 1 : 0) },
    "TCPLossProbes",
    "TCPSackRecovery",
    "TCPTimeouts",
    "TCPFastRetrans",
  );
  expect(wire.slice(13)).toMatchInlineSnapshot(`
    [
      "0.020 b [.] ack 5793 win 75",
      "0.020 b [.] ack 8689 win 77",
      "0.066 a [P.] 13033:14481 ack 1 win 63 len 1448",
      "0.087 b [.] ack 8689 win 80 sack 13033-14481",
      "0.087 a [.] 8689:10137 ack 1 win 63 len 1448",
      "0.108 b [.] ack 10137 win 79 sack 13033-14481",
      "0.108 a [.] 10137:11585 ack 1 win 63 len 1448",
      "0.108 a [.] 11585:13033 ack 1 win 63 len 1448",
      "0.129 b [.] ack 11585 win 79 sack 13033-14481",
      "0.129 b [.] ack 14481 win 77",
    ]
  `);
  expect(counted).toMatchInlineSnapshot(`
    {
      "TCPFastRetrans": 3,
      "TCPLossProbes": 1,
      "TCPSackRecovery": 1,
      "TCPTimeouts": 0,
    }
  `);
});

// RFC 6298 section 5; tcp_retransmit_timer, tcp_enter_loss
test("when nothing arrives any more, the timer doubles from retransmission to retransmission", () => {
  const { wire, counted, socket } = upload(
    { lose: () => true, size: 3000, seconds: 15 },
    "TCPLossProbes",
    "TCPTimeouts",
  );
  expect(wire).toMatchInlineSnapshot(`
    [
      "0.000 a [.] 1:1449 ack 1 win 63 len 1448",
      "0.000 a [P.] 1449:2897 ack 1 win 63 len 1448",
      "0.000 a [P.] 2897:3001 ack 1 win 63 len 104",
      "0.046 a [P.] 2897:3001 ack 1 win 63 len 104",
      "0.274 a [.] 1:1449 ack 1 win 63 len 1448",
      "0.730 a [.] 1:1449 ack 1 win 63 len 1448",
      "1.658 a [.] 1:1449 ack 1 win 63 len 1448",
      "3.482 a [.] 1:1449 ack 1 win 63 len 1448",
      "7.098 a [.] 1:1449 ack 1 win 63 len 1448",
      "14.522 a [.] 1:1449 ack 1 win 63 len 1448",
    ]
  `);
  expect(counted).toMatchInlineSnapshot(`
    {
      "TCPLossProbes": 1,
      "TCPTimeouts": 6,
    }
  `);
  const { sndCwnd, caState, backoff } = tcpInfo(streamSock(socket));
  expect([sndCwnd, caState, backoff]).toMatchInlineSnapshot(`
    [
      1,
      4,
      6,
    ]
  `);
});

// RFC 5682 (F-RTO), RFC 3522 (Eifel); tcp_process_loss, tcp_try_undo_loss
test("a timeout that was only a delay is undone by the timestamp of the first ACK", () => {
  const { wire, counted, socket } = upload(
    { late: (n) => (n <= 10 ? 600 : 0), seconds: 3 },
    "TCPTimeouts",
    "TCPLossUndo",
    "TCPSpuriousRTOs",
    "TCPFullUndo",
  );
  expect(wire).toMatchInlineSnapshot(`
    [
      "0.000 a [.] 1:1449 ack 1 win 63 len 1448",
      "0.000 a [P.] 1449:2897 ack 1 win 63 len 1448",
      "0.000 a [.] 2897:4345 ack 1 win 63 len 1448",
      "0.000 a [P.] 4345:5793 ack 1 win 63 len 1448",
      "0.000 a [.] 5793:7241 ack 1 win 63 len 1448",
      "0.000 a [P.] 7241:8689 ack 1 win 63 len 1448",
      "0.000 a [.] 8689:10137 ack 1 win 63 len 1448",
      "0.000 a [P.] 10137:11585 ack 1 win 63 len 1448",
      "0.000 a [.] 11585:13033 ack 1 win 63 len 1448",
      "0.000 a [P.] 13033:14481 ack 1 win 63 len 1448",
      "0.046 a [P.] 13033:14481 ack 1 win 63 len 1448",
      "0.066 b [.] ack 1 win 67 sack 13033-14481",
      "0.274 a [.] 1:1449 ack 1 win 63 len 1448",
      "0.294 b [.] ack 1449 win 70 sack 13033-14481",
      "0.294 a [.] 1449:2897 ack 1 win 63 len 1448",
      "0.294 a [.] 2897:4345 ack 1 win 63 len 1448",
      "0.314 b [.] ack 2897 win 73 sack 13033-14481",
      "0.314 a [.] 4345:5793 ack 1 win 63 len 1448",
      "0.314 a [.] 5793:7241 ack 1 win 63 len 1448",
      "0.314 b [.] ack 4345 win 75 sack 13033-14481",
      "0.314 a [.] 7241:8689 ack 1 win 63 len 1448",
      "0.314 a [.] 8689:10137 ack 1 win 63 len 1448",
      "0.334 b [.] ack 5793 win 78 sack 13033-14481",
      "0.334 a [.] 10137:11585 ack 1 win 63 len 1448",
      "0.334 a [.] 11585:13033 ack 1 win 63 len 1448",
      "0.334 b [.] ack 7241 win 77 sack 13033-14481",
      "0.334 b [.] ack 8689 win 76 sack 13033-14481",
      "0.334 b [.] ack 10137 win 75 sack 13033-14481",
      "0.354 b [.] ack 11585 win 79 sack 13033-14481",
      "0.354 b [.] ack 14481 win 77",
      "0.620 b [.] ack 14481 win 79 sack 1-1449",
      "0.620 b [.] ack 14481 win 79 sack 1449-2897",
      "0.620 b [.] ack 14481 win 79 sack 2897-4345",
      "0.620 b [.] ack 14481 win 79 sack 4345-5793",
      "0.620 b [.] ack 14481 win 79 sack 5793-7241",
      "0.620 b [.] ack 14481 win 79 sack 7241-8689",
      "0.620 b [.] ack 14481 win 79 sack 8689-10137",
      "0.620 b [.] ack 14481 win 79 sack 10137-11585",
      "0.620 b [.] ack 14481 win 79 sack 11585-13033",
      "0.620 b [.] ack 14481 win 79 sack 13033-14481",
    ]
  `);
  expect(counted).toMatchInlineSnapshot(`
    {
      "TCPFullUndo": 0,
      "TCPLossUndo": 0,
      "TCPSpuriousRTOs": 0,
      "TCPTimeouts": 1,
    }
  `);
  expect(tcpInfo(streamSock(socket)).sndCwnd).toBeGreaterThanOrEqual(10);
});

// RFC 8985 section 6.2; tcp_rack_reo_timeout, tcp_rack_update_reo_wnd
test("a segment that is overtaken by a little is not taken for lost", () => {
  const { wire, counted } = upload(
    { late: (n) => (n === 3 ? 4 : 0) },
    "TCPFastRetrans",
    "TCPSACKReorder",
    "TCPLossProbes",
  );
  expect(wire).toMatchInlineSnapshot(`
    [
      "0.000 a [.] 1:1449 ack 1 win 63 len 1448",
      "0.000 a [P.] 1449:2897 ack 1 win 63 len 1448",
      "0.000 a [.] 2897:4345 ack 1 win 63 len 1448",
      "0.000 a [P.] 4345:5793 ack 1 win 63 len 1448",
      "0.000 a [.] 5793:7241 ack 1 win 63 len 1448",
      "0.000 a [P.] 7241:8689 ack 1 win 63 len 1448",
      "0.000 a [.] 8689:10137 ack 1 win 63 len 1448",
      "0.000 a [P.] 10137:11585 ack 1 win 63 len 1448",
      "0.000 a [.] 11585:13033 ack 1 win 63 len 1448",
      "0.000 a [P.] 13033:14481 ack 1 win 63 len 1448",
      "0.020 b [.] ack 1449 win 67",
      "0.020 b [.] ack 2897 win 70",
      "0.020 b [.] ack 2897 win 73 sack 4345-5793",
      "0.020 b [.] ack 2897 win 75 sack 4345-7241",
      "0.020 b [.] ack 2897 win 77 sack 4345-11585",
      "0.020 a [.] 2897:4345 ack 1 win 63 len 1448",
      "0.020 b [.] ack 2897 win 75 sack 4345-10137",
      "0.020 b [.] ack 2897 win 77 sack 4345-13033",
      "0.020 b [.] ack 2897 win 77 sack 4345-14481",
      "0.024 b [.] ack 14481 win 74",
      "0.040 b [.] ack 14481 win 77 sack 2897-4345",
    ]
  `);
  expect(counted).toMatchInlineSnapshot(`
    {
      "TCPFastRetrans": 1,
      "TCPLossProbes": 0,
      "TCPSACKReorder": 0,
    }
  `);
});

// RFC 2883, RFC 3708; tcp_check_dsack, tcp_try_undo_dsack
test("a segment that is overtaken by much is sent again, and a DSACK restores the window", () => {
  const { wire, counted, socket } = upload(
    { late: (n) => (n === 3 ? 15 : 0) },
    "TCPFastRetrans",
    "TCPSackRecovery",
    "TCPDSACKRecv",
    "TCPDSACKUndo",
    "TCPFullUndo",
    "TCPSACKReorder",
  );
  expect(wire).toMatchInlineSnapshot(`
    [
      "0.000 a [.] 1:1449 ack 1 win 63 len 1448",
      "0.000 a [P.] 1449:2897 ack 1 win 63 len 1448",
      "0.000 a [.] 2897:4345 ack 1 win 63 len 1448",
      "0.000 a [P.] 4345:5793 ack 1 win 63 len 1448",
      "0.000 a [.] 5793:7241 ack 1 win 63 len 1448",
      "0.000 a [P.] 7241:8689 ack 1 win 63 len 1448",
      "0.000 a [.] 8689:10137 ack 1 win 63 len 1448",
      "0.000 a [P.] 10137:11585 ack 1 win 63 len 1448",
      "0.000 a [.] 11585:13033 ack 1 win 63 len 1448",
      "0.000 a [P.] 13033:14481 ack 1 win 63 len 1448",
      "0.020 b [.] ack 1449 win 67",
      "0.020 b [.] ack 2897 win 70",
      "0.020 b [.] ack 2897 win 73 sack 4345-5793",
      "0.020 b [.] ack 2897 win 75 sack 4345-7241",
      "0.020 b [.] ack 2897 win 77 sack 4345-11585",
      "0.020 a [.] 2897:4345 ack 1 win 63 len 1448",
      "0.020 b [.] ack 2897 win 75 sack 4345-10137",
      "0.020 b [.] ack 2897 win 77 sack 4345-13033",
      "0.020 b [.] ack 2897 win 77 sack 4345-14481",
      "0.035 b [.] ack 14481 win 74",
      "0.040 b [.] ack 14481 win 77 sack 2897-4345",
    ]
  `);
  expect(counted).toMatchInlineSnapshot(`
    {
      "TCPDSACKRecv": 1,
      "TCPDSACKUndo": 0,
      "TCPFastRetrans": 1,
      "TCPFullUndo": 1,
      "TCPSACKReorder": 0,
      "TCPSackRecovery": 1,
    }
  `);
  expect(tcpInfo(streamSock(socket)).sndCwnd).toBeGreaterThanOrEqual(10);
});

// tcp_rack_mark_lost for a retransmission: TCPLostRetransmit
test("a retransmission that is lost too is sent a third time without a timeout", () => {
  const { wire, counted } = upload(
    { size: 60_000, lose: ({ seq }, n) => n === 3 || (n > 3 && firstLost(seq, n)) },
    "TCPFastRetrans",
    "TCPLostRetransmit",
    "TCPTimeouts",
  );
  expect(wire.filter((line) => / a .* 2897:4345 /.test(line))).toMatchInlineSnapshot(`
    [
      "0.000 a [.] 2897:4345 ack 1 win 63 len 1448",
      "0.020 a [.] 2897:4345 ack 1 win 63 len 1448",
      "0.040 a [.] 2897:4345 ack 1 win 63 len 1448",
    ]
  `);
  expect(counted).toMatchInlineSnapshot(`
    {
      "TCPFastRetrans": 2,
      "TCPLostRetransmit": 1,
      "TCPTimeouts": 0,
    }
  `);
});

let lostOnce = -1;
let again = 0;
/** Loses the first retransmission of what is lost as third. */
function firstLost(seq: number, n: number): boolean {
  if (n === 4) {
    lostOnce = (seq - 1448) >>> 0;
    again = 0;
  }
  return seq === lostOnce && again++ === 0;
}

// lost ACKs cost nothing while later ones arrive
test("a lost ACK is made good by the next", () => {
  const { counted } = upload({ loseAck: ({ len, flags }, n) => len === 0 && flags === 16 && n === 4 }, "TCPLossProbes");
  expect(counted).toEqual({ TCPLossProbes: 0 });
});
