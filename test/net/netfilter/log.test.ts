import { expect, test } from "vitest";
import { Lab } from "../../../src/index.ts";

const WORLD = `
  ip netns add a
  ip link add v0 address 02:00:00:00:00:01 type veth peer name v1 netns a address 02:00:00:00:00:02
  ip addr add 10.0.0.1/24 dev v0
  ip link set v0 up
  ip -n a addr add 10.0.0.2/24 dev v1
  ip -n a link set v1 up
`;

/** Numbers that are drawn: identifications, sequence numbers, time stamps, ports of the client. */
function plain(text: string): string {
  return text
    .replace(/\bID=\d+ (DF )?PROTO/g, "ID=N $1PROTO")
    .replace(/SEQ=\d{4,}/g, "SEQ=N")
    .replace(/080A[0-9A-F]{16}/, "080AN")
    .replace(/ID=\d+ SEQ=1/g, "ID=N SEQ=1")
    .replace(/(SPT|DPT)=\d{5}/g, "$1=N");
}

async function after(script: string): Promise<string> {
  const host = new Lab({ seed: 1 }).addHost("host");
  const { stdout } = await host.sh(WORLD + script);
  return plain(stdout);
}

test("LOG writes a line per packet into the kernel's log, field for field", async () => {
  const text = await after(`
    iptables -A INPUT -p icmp -j LOG --log-prefix 'ping: '
    iptables -A INPUT -p tcp -j LOG --log-tcp-options --log-tcp-sequence --log-level 7
    iptables -A OUTPUT -p icmp -j LOG --log-uid
    ip netns exec a ping -c 1 10.0.0.1 >/dev/null
    ip netns exec a nc -z 10.0.0.1 99 2>/dev/null
    dmesg -t
    dmesg -t -l debug | wc -l
    dmesg -C
    dmesg
  `);
  const mac = "MAC=02:00:00:00:00:01:02:00:00:00:00:02:08:00";
  expect(text).toBe(
    `ping: IN=v0 OUT= ${mac} SRC=10.0.0.2 DST=10.0.0.1 LEN=84 TOS=0x00 PREC=0x00 TTL=64 ID=N DF PROTO=ICMP TYPE=8 CODE=0 ID=N SEQ=1 \n` +
      "IN= OUT=v0 SRC=10.0.0.1 DST=10.0.0.2 LEN=84 TOS=0x00 PREC=0x00 TTL=64 ID=N PROTO=ICMP TYPE=0 CODE=0 ID=N SEQ=1 \n" +
      `IN=v0 OUT= ${mac} SRC=10.0.0.2 DST=10.0.0.1 LEN=60 TOS=0x00 PREC=0x00 TTL=64 ID=N DF PROTO=TCP SPT=N DPT=99 SEQ=N ACK=0 ` +
      "WINDOW=64240 RES=0x00 SYN URGP=0 OPT (020405B40402080AN0103030A) \n1\n",
  );
});

test("an error that is logged shows the packet it is about in brackets", async () => {
  const text = await after(`
    iptables -A OUTPUT -p icmp -j LOG
    ip netns exec a sh -c 'echo x | nc -u -w 1 10.0.0.1 53' 2>/dev/null
    dmesg -t
  `);
  expect(text).toBe(
    "IN= OUT=v0 SRC=10.0.0.1 DST=10.0.0.2 LEN=58 TOS=0x00 PREC=0xC0 TTL=64 ID=N PROTO=ICMP TYPE=3 CODE=3 " +
      "[SRC=10.0.0.2 DST=10.0.0.1 LEN=30 TOS=0x00 PREC=0x00 TTL=64 ID=N DF PROTO=UDP SPT=N DPT=53 LEN=10 ] \n",
  );
});

test("NFLOG's packets are written down as ulogd2 would", async () => {
  const text = await after(`
    iptables -A INPUT -p icmp -j NFLOG --nflog-prefix seen --nflog-group 3
    ip netns exec a ping -c 1 10.0.0.1 >/dev/null
    cut -c 17- /var/log/ulog/syslogemu.log
  `);
  expect(text).toBe(
    "host seen IN=v0 OUT= MAC=02:00:00:00:00:01:02:00:00:00:00:02:08:00 SRC=10.0.0.2 DST=10.0.0.1 LEN=84 TOS=0x00 " +
      "PREC=0x00 TTL=64 ID=N DF PROTO=ICMP TYPE=8 CODE=0 ID=N SEQ=1 \n",
  );
});

test("the kernel's log says why a rule may not stand where it was put", async () => {
  const text = await after(`
    iptables -t nat -A POSTROUTING -j DNAT --to-destination 1.1.1.1 2>/dev/null
    iptables -A INPUT -j TTL --ttl-set 5 2>/dev/null
    iptables -t raw -A OUTPUT -m rpfilter 2>/dev/null
    dmesg -t
  `);
  expect(text).toBe(
    "x_tables: ip_tables: DNAT target: used from hooks POSTROUTING, but only usable from PREROUTING/OUTPUT\n" +
      "x_tables: ip_tables: TTL target: only valid in mangle table, not filter\n" +
      "x_tables: ip_tables: rpfilter match: used from hooks OUTPUT, but only valid from PREROUTING\n",
  );
});
