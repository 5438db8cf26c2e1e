// The world around a host at the prompt: a cable to one machine outside, which is its gateway too, as the recordings have
// it. It is an ordinary script, so that it can be read, and copied for a world of one's own.

/** Address of docker-host on its eth0. */
export const HOST_IP = "172.31.179.120";

export const WORLD: string = `# this machine (eth0) and, in a namespace, one host outside: gateway, web server, and what answers to pings
sysctl -qw net.ipv6.conf.all.disable_ipv6=1 net.ipv6.conf.default.disable_ipv6=1
ip netns add outside
ip netns exec outside sysctl -qw net.ipv6.conf.all.disable_ipv6=1 net.ipv6.conf.default.disable_ipv6=1
ip link add eth0 address 02:00:00:00:01:01 type veth peer name eth0 netns outside address 02:00:00:00:01:02
ip addr add ${HOST_IP}/20 dev eth0
ip link set eth0 up
ip route add default via 172.31.176.1
ip -n outside addr add 172.31.176.1/20 dev eth0
ip -n outside addr add 93.184.216.34/32 dev lo
ip -n outside addr add 8.8.8.8/32 dev lo
ip -n outside link set lo up
ip -n outside link set eth0 up
echo '93.184.216.34 example.com' >> /etc/hosts
mkdir -p /var/www/html
echo 'hello from outside' > /var/www/html/index.html
ip netns exec outside httpd -p 93.184.216.34:80 -h /var/www/html
`;
