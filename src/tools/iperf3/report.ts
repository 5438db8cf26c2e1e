// iperf3's reports, as text and as JSON (iperf_print_intermediate, iperf_print_results, print_interval_results).

import { strftime } from "../../shell/strftime.ts";
import type { Task } from "../../sim/task.ts";
import { formatIpv4 } from "../../wire/addr.ts";
import { type Json, JsonObject, jsonText } from "./json.ts";
import { Output } from "./output.ts";
import { addUdp, packetCounts, udpText } from "./report-udp.ts";
import type { Stream } from "./stream.ts";
import { State, seconds, type Test } from "./test.ts";
import { bytesText, rateText } from "./units.ts";

const SEPARATOR = "- - - - - - - - - - - - - - - - - - - - - - - - -\n";
const HEADER = "[ ID] Interval           Transfer     Bitrate";
const ROLE_HEADER = HEADER.replace("]", "][Role]");

export class Reporter {
  readonly #test: Test;
  /** the intervals' columns have names */
  #headed = false;
  readonly out: Output;

  constructor(test: Test, out: Output = new Output(test)) {
    this.#test = test;
    this.out = out;
  }

  *print(text: string): Task<void> {
    yield* this.out.print(text);
  }

  /** connect_msg */
  *connected(stream: Stream): Task<void> {
    const test = this.#test;
    const local = stream.socket.localAddress;
    const peer = stream.socket.peerAddress;
    const [from, to] = [formatIpv4(local.addr), formatIpv4(peer.addr)];
    if (test.options.json) {
      test.jsonConnected.push(
        new JsonObject({
          socket: stream.number,
          local_host: from,
          local_port: local.port,
          remote_host: to,
          remote_port: peer.port,
        }),
      );
    } else {
      const number = String(stream.number).padStart(3);
      yield* this.print(`[${number}] local ${from} port ${local.port} connected to ${to} port ${peer.port}\n`);
    }
  }

  /** iperf_on_connect, @param first what the role says: "Connecting to …" */
  *connecting(first: string, name: string, host: string, port: number): Task<void> {
    const { options, jsonStart, cookie, controlMss, proc } = this.#test;
    const ns = proc.machine.wallClockNs();
    const time = strftime("%a, %d %b %Y %H:%M:%S GMT", ns);
    if (options.json) {
      jsonStart.add("timestamp", new JsonObject({ time, timesecs: Number(ns / 1_000_000_000n) }));
      jsonStart.add(name, new JsonObject({ host, port }));
      jsonStart.add("cookie", cookie);
      if (!options.udp) {
        if (options.mss) jsonStart.add("tcp_mss", options.mss);
        else jsonStart.add("tcp_mss_default", controlMss);
      }
      jsonStart.add("target_bitrate", options.rate);
      return;
    }
    if (options.verbose) yield* this.print(`Time: ${time}\n`);
    yield* this.print(first);
    if (!options.verbose) return;
    yield* this.print(`      Cookie: ${cookie}\n`);
    if (!options.udp) yield* this.print(`      TCP MSS: ${options.mss || `${controlMss} (default)`}\n`);
    if (options.rate) yield* this.print(`      Target Bitrate: ${options.rate}\n`);
  }

  /** iperf_on_test_start */
  *started(): Task<void> {
    const { options, jsonStart } = this.#test;
    const protocol = options.udp ? "UDP" : "TCP";
    if (options.json) {
      jsonStart.add(
        "test_start",
        new JsonObject({
          protocol,
          num_streams: options.parallel,
          blksize: options.blockSize,
          omit: options.omit,
          duration: options.duration,
          bytes: options.bytes,
          blocks: options.blocks,
          reverse: options.reverse ? 1 : 0,
          tos: options.tos,
          target_bitrate: options.rate,
        }),
      );
    } else if (options.verbose) {
      const end = options.bytes
        ? `${options.bytes} bytes to send`
        : options.blocks
          ? `${options.blocks} blocks to send`
          : `${options.duration} second test`;
      yield* this.print(
        `Starting Test: protocol: ${protocol}, ${options.parallel} streams, ${options.blockSize} byte blocks, ` +
          `omitting ${options.omit} seconds, ${end}, tos ${options.tos}\n`,
      );
    }
  }

  /** What has come since the last report (iperf_reporter_callback). */
  *report(): Task<void> {
    yield* this.#intervals();
    if (this.#test.state === State.TEST_END || this.#test.state === State.DISPLAY_RESULTS) yield* this.#results();
    if (this.#test.options.forceFlush) yield* this.out.flush();
  }

  /** The whole JSON text (iperf_json_finish). */
  *finishJson(error?: string): Task<void> {
    const test = this.#test;
    const { title, extraData } = test.options;
    const top = test.jsonTop();
    if (error !== undefined) top.add("error", error);
    if (title !== undefined) top.add("title", title);
    if (extraData !== undefined) top.add("extra_data", extraData);
    const asked = test.options.getServerOutput && test.options.role === "c";
    if (asked && test.peerOutputJson !== undefined) top.add("server_output_json", test.peerOutputJson);
    if (asked && test.peerOutputText !== undefined) top.add("server_output_text", test.peerOutputText);
    yield* this.print(`${jsonText(top, true)}\n`);
  }

  /** Directions in the order in which this side tells of them: does it send? */
  #directions(): readonly boolean[] {
    const { options, sending } = this.#test;
    if (!options.bidir) return [sending];
    return options.role === "c" ? [true, false] : [false, true];
  }

  /** `[TX-C]` with --bidir */
  #role(sender: boolean): string {
    const { bidir, role } = this.#test.options;
    return bidir ? `[${sender ? "TX" : "RX"}-${role === "c" ? "C" : "S"}]` : "";
  }

  *#intervals(): Task<void> {
    const test = this.#test;
    const { streams, options } = test;
    // a short last interval in which nothing came is left out
    const some = streams.some(
      ({ last }) => last && (seconds(last.endNs - last.startNs) >= options.interval * 0.1 || last.bytes > 0),
    );
    if (!some) return;
    const json = new JsonObject();
    const jsonStreams: JsonObject[] = [];
    json.add("streams", jsonStreams);
    for (const [i, sender] of this.#directions().entries()) {
      const those = streams.filter((stream) => !options.bidir || stream.sender === sender);
      for (const stream of those) yield* this.#interval(stream, jsonStreams);
      if (!those[0]?.last || (options.parallel <= 1 && !options.json)) continue;
      const sum = yield* this.#intervalSum(those, sender);
      if (options.json) json.add(i === 0 ? "sum" : "sum_bidir_reverse", sum);
    }
    if (options.json && streams[0]?.last) test.jsonIntervals.push(json);
  }

  /** Prints the streams' sum, unless for JSON. */
  *#intervalSum(streams: readonly Stream[], sending: boolean): Task<JsonObject> {
    const test = this.#test;
    const { options } = test;
    const [first] = streams;
    const last = first!.last!;
    const sum = (of: (stream: Stream) => number): number => streams.reduce((total, one) => total + of(one), 0);
    const bytes = sum((one) => one.last!.bytes);
    const duration = Math.fround(seconds(last.endNs - last.startNs));
    const retr = test.hasRetransmits(sending) && sending;
    const retransmits = retr ? sum((one) => one.last!.retransmits) : 0;
    const packets = sum((one) => one.last!.packets);
    const lost = sum((one) => one.last!.lost);
    const jitter = sum((one) => one.last!.jitter) / options.parallel;
    const percent = packets > 0 ? (100 * lost) / packets : 0;
    const times = [seconds(last.startNs - first!.startNs), seconds(last.endNs - first!.startNs)] as const;
    const json = new JsonObject({
      start: times[0],
      end: times[1],
      seconds: duration,
      bytes,
      bits_per_second: duration > 0 ? (bytes / duration) * 8 : 0,
    });
    if (options.udp) addUdp(json, sending, packets, jitter, lost, percent);
    else if (retr) json.add("retransmits", retransmits);
    json.add("omitted", last.omitted);
    json.add("sender", sending);
    if (options.json) return json;
    const omitted = (retr ? last.omitted : test.omitting) ? "(omitted)" : "";
    const head = this.#line("SUM", sending, times[0], times[1], bytes, duration > 0 ? bytes / duration : 0);
    if (options.udp && sending) yield* this.print(`${head}${this.#packets(packets)}${omitted}\n`);
    else if (options.udp) yield* this.print(`${head}${udpText(jitter, lost, packets, percent)}${omitted}\n`);
    else if (retr) yield* this.print(`${head}  ${String(retransmits).padStart(3)}             ${omitted}\n`);
    else yield* this.print(`${head}                  ${omitted}\n`);
    return json;
  }

  /** Datagrams that were sent, in the column of a receiver's with --bidir. */
  #packets(packets: number): string {
    return `${this.#test.options.bidir ? " ".repeat(12) : "  "}${packets}  `;
  }

  *#interval(stream: Stream, jsonStreams: JsonObject[]): Task<void> {
    const test = this.#test;
    const { options } = test;
    const { last } = stream;
    if (!last) return;
    const retr = test.hasRetransmits(true);
    if (!options.json && stream === test.streams[0]) {
      if (!this.#headed) {
        this.#headed = true;
        const header = options.bidir ? ROLE_HEADER : HEADER;
        const total = test.sending && !options.bidir ? "Total" : "Jitter    Lost/Total";
        if (!options.udp) yield* this.print(`${header}${retr ? "         Retr  Cwnd" : ""}\n`);
        else yield* this.print(`${header}         ${total} Datagrams\n`);
      } else if (options.parallel > 1) yield* this.print(SEPARATOR);
    }
    const duration = Math.fround(seconds(last.endNs - last.startNs));
    const rate = duration > 0 ? last.bytes / duration : 0;
    const times = [seconds(last.startNs - stream.startNs), seconds(last.endNs - stream.startNs)] as const;
    const percent = last.packets > 0 ? (100 * last.lost) / last.packets : 0;
    const withRetr = retr && stream.sender;
    if (options.json) {
      const json = new JsonObject({
        socket: stream.number,
        start: times[0],
        end: times[1],
        seconds: duration,
        bytes: last.bytes,
        bits_per_second: rate * 8,
      });
      if (options.udp) addUdp(json, stream.sender, last.packets, last.jitter, last.lost, percent);
      else if (withRetr) {
        json.add("retransmits", last.retransmits);
        json.add("snd_cwnd", last.cwnd);
        json.add("snd_wnd", last.sndWnd);
        json.add("rtt", last.rtt);
        json.add("rttvar", last.rttvar);
        json.add("pmtu", last.pmtu);
      }
      json.add("omitted", last.omitted);
      json.add("sender", stream.sender);
      jsonStreams.push(json);
      return;
    }
    const omitted = last.omitted ? "(omitted)" : "";
    const head = this.#line(stream.number, stream.sender, times[0], times[1], last.bytes, rate);
    if (options.udp && stream.sender) yield* this.print(`${head}${this.#packets(last.packets)}${omitted}\n`);
    else if (options.udp)
      yield* this.print(`${head}${udpText(last.jitter, last.lost, last.packets, percent)}${omitted}\n`);
    else if (withRetr) {
      const retransmits = String(last.retransmits).padStart(3);
      yield* this.print(`${head}  ${retransmits}   ${bytesText(last.cwnd)}s       ${omitted}\n`);
    } else yield* this.print(`${head}                  ${omitted}\n`);
  }

  #line(id: number | "SUM", sender: boolean, start: number, end: number, bytes: number, rate: number): string {
    const times = `${start.toFixed(2).padStart(6)}-${end.toFixed(2).padEnd(6)}`;
    const speed = rateText(rate, this.#test.options.format);
    return `[${String(id).padStart(3)}]${this.#role(sender)} ${times} sec  ${bytesText(bytes)}s  ${speed}s/sec`;
  }

  *#results(): Task<void> {
    const test = this.#test;
    const { options, streams } = test;
    if (!options.json) {
      yield* this.print(SEPARATOR);
      if (options.verbose) yield* this.print("Test Complete. Summary Results:\n");
      const udp = "         Jitter    Lost/Total Datagrams";
      const more = options.udp ? udp : test.hasRetransmits(true) ? "         Retr" : "";
      yield* this.print(`${options.bidir ? ROLE_HEADER : HEADER}${more}\n`);
    }
    const [first] = streams;
    const summaries: JsonObject[] = [];
    if (options.json) test.jsonEnd.add("streams", summaries);
    const endTime = first ? seconds(first.endNs - first.startNs) : 0;
    if (first?.sender) {
      first.senderTime = endTime;
      first.receiverTime ||= endTime;
    } else if (first) {
      first.receiverTime = endTime;
      first.senderTime ||= endTime;
    }
    const times: Times = {
      sender: first?.senderTime ?? 0,
      receiver: first?.receiverTime ?? 0,
      end: endTime,
    };
    const sums: [string, JsonObject][] = [];
    for (const [i, sending] of this.#directions().entries()) {
      const those = streams.filter((stream) => !options.bidir || stream.sender === sending);
      for (const stream of those) yield* this.#summary(stream, summaries, times, sending);
      if (options.parallel > 1 || options.json) {
        for (const [name, json] of yield* this.#sums(those, times, sending))
          sums.push([`${name}${i === 0 ? "" : "_bidir_reverse"}`, json]);
      }
      if (options.verbose && !options.json) yield* this.#verboseEnd(sending);
    }
    if (options.json) this.#jsonEnd(sums);
    else if (options.getServerOutput && test.peerOutputText !== undefined)
      yield* this.print(`\nServer output:\n${test.peerOutputText}\n`);
  }

  /** Congestion control of who sends and who receives. */
  #congestion(sending: boolean): readonly [string | undefined, string | undefined] {
    const { congestionUsed, remoteCongestionUsed } = this.#test;
    return sending ? [congestionUsed, remoteCongestionUsed] : [remoteCongestionUsed, congestionUsed];
  }

  #jsonEnd(sums: readonly (readonly [string, JsonObject])[]): void {
    const { options, sending, cpu, remoteCpu, jsonEnd } = this.#test;
    for (const [name, json] of sums) jsonEnd.add(name, json);
    jsonEnd.add(
      "cpu_utilization_percent",
      new JsonObject({
        host_total: cpu,
        host_user: 0,
        host_system: cpu,
        remote_total: remoteCpu,
        remote_user: 0,
        remote_system: remoteCpu,
      }),
    );
    if (options.udp) return;
    const [sent, received] = this.#congestion(sending);
    if (sent !== undefined) jsonEnd.add("sender_tcp_congestion", sent);
    if (received !== undefined) jsonEnd.add("receiver_tcp_congestion", received);
  }

  *#verboseEnd(sending: boolean): Task<void> {
    const { options, cpu, remoteCpu } = this.#test;
    const share = (percent: number): string => `${percent.toFixed(1)}% (0.0%u/${percent.toFixed(1)}%s)`;
    const line = (mine: string, theirs: string): string =>
      `CPU Utilization: local/${mine} ${share(cpu)}, remote/${theirs} ${share(remoteCpu)}\n`;
    if (sending) yield* this.print(line("sender", "receiver"));
    if (sending && options.bidir) yield* this.print(line("receiver", "sender"));
    if (options.udp) return;
    const [sent, received] = this.#congestion(sending);
    if (sent !== undefined) yield* this.print(`snd_tcp_congestion ${sent}\n`);
    if (received !== undefined) yield* this.print(`rcv_tcp_congestion ${received}\n`);
  }

  /** A server does not know what its peer counted: are the sender's and the receiver's figures known? */
  #known(sending: boolean): readonly [boolean, boolean] {
    const client = this.#test.options.role === "c";
    return [client || sending, client || !sending];
  }

  *#summary(stream: Stream, summaries: JsonObject[], spans: Times, sending: boolean): Task<void> {
    const { options } = this.#test;
    const [senderTime, receiverTime, endTime] = [spans.sender, spans.receiver, spans.end];
    const [showSender, showReceiver] = this.#known(sending);
    const retr = this.#test.hasRetransmits(stream.sender);
    const sent = stream.bytesSent - stream.bytesSentOmitted;
    const sentRate = senderTime > 0 ? sent / senderTime : 0;
    const received = stream.bytesReceived;
    const receivedRate = receiverTime > 0 ? received / receiverTime : 0;
    const { sentPackets, receivedPackets } = packetCounts(stream);
    const lost = stream.lost - stream.omittedLost;
    if (options.json) {
      const times = (time: number, span: number): Record<string, Json> => ({
        socket: stream.number,
        start: 0,
        end: time,
        seconds: span,
      });
      const json = new JsonObject();
      if (options.udp) {
        json.add(
          "udp",
          new JsonObject({
            ...times(senderTime, senderTime),
            bytes: sent,
            bits_per_second: sentRate * 8,
            jitter_ms: stream.jitter * 1000,
            lost_packets: lost,
            packets: sentPackets || receivedPackets,
            lost_percent: sentPackets > 0 ? (100 * lost) / sentPackets : 0,
            out_of_order: stream.outOfOrder - stream.omittedOutOfOrder,
            sender: stream.sender,
          }),
        );
      } else {
        const sender = new JsonObject({ ...times(senderTime, senderTime), bytes: sent, bits_per_second: sentRate * 8 });
        if (retr) {
          sender.add("retransmits", stream.retransmits);
          sender.add("max_snd_cwnd", stream.maxCwnd);
          sender.add("max_snd_wnd", stream.maxWnd);
          sender.add("max_rtt", stream.maxRtt);
          sender.add("min_rtt", stream.minRtt);
          sender.add("mean_rtt", stream.countRtt === 0 ? 0 : Math.floor(stream.sumRtt / stream.countRtt));
        }
        sender.add("sender", stream.sender);
        json.add("sender", sender);
        json.add(
          "receiver",
          new JsonObject({
            ...times(receiverTime, endTime),
            bytes: received,
            bits_per_second: receivedRate * 8,
            sender: stream.sender,
          }),
        );
      }
      summaries.push(json);
      return;
    }
    const missing = (which: string): string =>
      options.verbose ? `[${String(stream.number).padStart(3)}] (${which} statistics not available)\n` : "";
    if (!showSender) yield* this.print(missing("sender"));
    else {
      const head = this.#line(stream.number, stream.sender, 0, senderTime, sent, sentRate);
      if (options.udp) yield* this.print(`${head}${udpText(0, 0, sentPackets, 0)}sender\n`);
      else if (retr) yield* this.print(`${head}  ${String(stream.retransmits).padStart(3)}             sender\n`);
      else yield* this.print(`${head}                  sender\n`);
    }
    const disorder = stream.outOfOrder - stream.omittedOutOfOrder;
    if (options.udp && disorder > 0) {
      const times = `${(0).toFixed(1).padStart(4)}-${senderTime.toFixed(1).padStart(4)}`;
      yield* this.print(`[SUM] ${times} sec  ${disorder} datagrams received out-of-order\n`);
    }
    if (!showReceiver) yield* this.print(missing("receiver"));
    else {
      const head = this.#line(stream.number, stream.sender, 0, receiverTime, received, receivedRate);
      const percent = receivedPackets > 0 ? (100 * lost) / receivedPackets : 0;
      if (options.udp) yield* this.print(`${head}${udpText(stream.jitter, lost, receivedPackets, percent)}receiver\n`);
      else yield* this.print(`${head}                  receiver\n`);
    }
  }

  /** Prints the sums of streams of one direction, unless for JSON. */
  *#sums(streams: readonly Stream[], spans: Times, sending: boolean): Task<readonly [string, JsonObject][]> {
    const { options } = this.#test;
    const [senderTime, receiverTime] = [spans.sender, spans.receiver];
    const [showSender, showReceiver] = this.#known(sending);
    const retr = this.#test.hasRetransmits(sending);
    const sum = (of: (stream: Stream) => number): number => streams.reduce((total, one) => total + of(one), 0);
    const sent = sum((one) => one.bytesSent - one.bytesSentOmitted);
    const received = sum((one) => one.bytesReceived);
    const sentRate = senderTime > 0 ? sent / senderTime : 0;
    const receivedRate = receiverTime > 0 ? received / receiverTime : 0;
    const retransmits = sum((one) => one.retransmits);
    const sentPackets = sum((one) => packetCounts(one).sentPackets);
    const receivedPackets = sum((one) => packetCounts(one).receivedPackets);
    const packets = sum((one) => packetCounts(one).sentPackets || packetCounts(one).receivedPackets);
    const lost = sum((one) => one.lost - one.omittedLost);
    const jitter = sum((one) => one.jitter) / options.parallel;
    const percent = packets > 0 ? (100 * lost) / packets : 0;
    if (options.json) {
      const times = (time: number, bytes: number, rate: number): JsonObject =>
        new JsonObject({ start: 0, end: time, seconds: time, bytes, bits_per_second: rate * 8 });
      if (!options.udp) {
        const sender = times(senderTime, sent, sentRate);
        if (retr) sender.add("retransmits", retransmits);
        sender.add("sender", sending);
        const receiver = times(receiverTime, received, receivedRate);
        receiver.add("sender", sending);
        return [
          ["sum_sent", sender],
          ["sum_received", receiver],
        ];
      }
      const all = times(receiverTime, sent, sentRate);
      addUdp(all, false, packets, jitter, lost, percent);
      all.add("sender", sending);
      const sender = times(senderTime, sent, sentRate);
      addUdp(sender, false, sentPackets, 0, 0, 0);
      sender.add("sender", true);
      const receiver = times(receiverTime, received, receivedRate);
      addUdp(receiver, false, receivedPackets, jitter, lost, percent);
      receiver.add("sender", false);
      return [
        ["sum", all],
        ["sum_sent", sender],
        ["sum_received", receiver],
      ];
    }
    const missing = (which: string): string => (options.verbose ? `[SUM] (${which} statistics not available)\n` : "");
    if (!showSender) yield* this.print(options.udp ? "" : missing("sender"));
    else {
      const head = this.#line("SUM", sending, 0, senderTime, sent, sentRate);
      if (options.udp) yield* this.print(`${head}${udpText(0, 0, sentPackets, 0)}sender\n`);
      else if (retr) yield* this.print(`${head}  ${String(retransmits).padStart(3)}             sender\n`);
      else yield* this.print(`${head}                  sender\n`);
    }
    if (!showReceiver) yield* this.print(options.udp ? "" : missing("receiver"));
    else {
      const head = this.#line("SUM", sending, 0, receiverTime, received, receivedRate);
      if (options.udp) yield* this.print(`${head}${udpText(jitter, lost, receivedPackets, percent)}receiver\n`);
      else yield* this.print(`${head}                  receiver\n`);
    }
    return [];
  }
}

/** Seconds that both sides' figures are of. */
interface Times {
  readonly sender: number;
  readonly receiver: number;
  /** of this side */
  readonly end: number;
}
