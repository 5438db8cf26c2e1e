// Every iptables command of Docker 20.10.24, recorded by a wrapper around iptables, in its order.

/** dockerd starts */
export const starting: readonly string[] = `
-L -n
-t filter -C FORWARD -j DOCKER-ISOLATION
-t nat -D PREROUTING -m addrtype --dst-type LOCAL -j DOCKER
-t nat -D OUTPUT -m addrtype --dst-type LOCAL ! --dst 127.0.0.0/8 -j DOCKER
-t nat -D OUTPUT -m addrtype --dst-type LOCAL -j DOCKER
-t nat -D PREROUTING
-t nat -D OUTPUT
-t nat -F DOCKER
-t nat -X DOCKER
-t filter -F DOCKER
-t filter -X DOCKER
-t filter -F DOCKER-ISOLATION-STAGE-1
-t filter -X DOCKER-ISOLATION-STAGE-1
-t filter -F DOCKER-ISOLATION-STAGE-2
-t filter -X DOCKER-ISOLATION-STAGE-2
-t filter -F DOCKER-ISOLATION
-t filter -X DOCKER-ISOLATION
-t nat -n -L DOCKER
-t nat -N DOCKER
-t filter -n -L DOCKER
-t filter -N DOCKER
-t filter -n -L DOCKER-ISOLATION-STAGE-1
-t filter -N DOCKER-ISOLATION-STAGE-1
-t filter -n -L DOCKER-ISOLATION-STAGE-2
-t filter -N DOCKER-ISOLATION-STAGE-2
-t filter -C DOCKER-ISOLATION-STAGE-1 -j RETURN
-A DOCKER-ISOLATION-STAGE-1 -j RETURN
-t filter -C DOCKER-ISOLATION-STAGE-2 -j RETURN
-A DOCKER-ISOLATION-STAGE-2 -j RETURN
-t filter -P FORWARD DROP
-t filter -n -L DOCKER-USER
-t filter -N DOCKER-USER
-t filter -C DOCKER-USER -j RETURN
-A DOCKER-USER -j RETURN
-t filter -C FORWARD -j DOCKER-USER
-I FORWARD -j DOCKER-USER
-t filter -n -L DOCKER-USER
-t filter -C DOCKER-USER -j RETURN
-t filter -C FORWARD -j DOCKER-USER
-D FORWARD -j DOCKER-USER
-I FORWARD -j DOCKER-USER
-t nat -C POSTROUTING -s 172.17.0.0/16 ! -o docker0 -j MASQUERADE
-t nat -I POSTROUTING -s 172.17.0.0/16 ! -o docker0 -j MASQUERADE
-t nat -C DOCKER -i docker0 -j RETURN
-t nat -I DOCKER -i docker0 -j RETURN
-D FORWARD -i docker0 -o docker0 -j DROP
-t filter -C FORWARD -i docker0 -o docker0 -j ACCEPT
-I FORWARD -i docker0 -o docker0 -j ACCEPT
-t filter -C FORWARD -i docker0 ! -o docker0 -j ACCEPT
-I FORWARD -i docker0 ! -o docker0 -j ACCEPT
-t nat -C PREROUTING -m addrtype --dst-type LOCAL -j DOCKER
-t nat -A PREROUTING -m addrtype --dst-type LOCAL -j DOCKER
-t nat -C OUTPUT -m addrtype --dst-type LOCAL -j DOCKER ! --dst 127.0.0.0/8
-t nat -A OUTPUT -m addrtype --dst-type LOCAL -j DOCKER ! --dst 127.0.0.0/8
-t filter -C FORWARD -o docker0 -j DOCKER
-I FORWARD -o docker0 -j DOCKER
-t filter -C FORWARD -o docker0 -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
-I FORWARD -o docker0 -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
-t filter -C FORWARD -j DOCKER-ISOLATION-STAGE-1
-I FORWARD -j DOCKER-ISOLATION-STAGE-1
-t filter -C DOCKER-ISOLATION-STAGE-1 -i docker0 ! -o docker0 -j DOCKER-ISOLATION-STAGE-2
-t filter -I DOCKER-ISOLATION-STAGE-1 -i docker0 ! -o docker0 -j DOCKER-ISOLATION-STAGE-2
-t filter -C DOCKER-ISOLATION-STAGE-2 -o docker0 -j DROP
-t filter -I DOCKER-ISOLATION-STAGE-2 -o docker0 -j DROP
-t filter -n -L DOCKER-USER
-t filter -C DOCKER-USER -j RETURN
-t filter -C FORWARD -j DOCKER-USER
-D FORWARD -j DOCKER-USER
-I FORWARD -j DOCKER-USER
`
  .trim()
  .split("\n");

/** docker network create --subnet 172.20.0.0/16 -o com.docker.network.bridge.name=br-iso isolated */
export const networkCreated: readonly string[] = `
-t nat -C POSTROUTING -s 172.20.0.0/16 ! -o br-iso -j MASQUERADE
-t nat -I POSTROUTING -s 172.20.0.0/16 ! -o br-iso -j MASQUERADE
-t nat -C DOCKER -i br-iso -j RETURN
-t nat -I DOCKER -i br-iso -j RETURN
-D FORWARD -i br-iso -o br-iso -j DROP
-t filter -C FORWARD -i br-iso -o br-iso -j ACCEPT
-I FORWARD -i br-iso -o br-iso -j ACCEPT
-t filter -C FORWARD -i br-iso ! -o br-iso -j ACCEPT
-I FORWARD -i br-iso ! -o br-iso -j ACCEPT
-t nat -C PREROUTING -m addrtype --dst-type LOCAL -j DOCKER
-t nat -C PREROUTING -m addrtype --dst-type LOCAL -j DOCKER
-t nat -C OUTPUT -m addrtype --dst-type LOCAL -j DOCKER ! --dst 127.0.0.0/8
-t nat -C OUTPUT -m addrtype --dst-type LOCAL -j DOCKER ! --dst 127.0.0.0/8
-t filter -C FORWARD -o br-iso -j DOCKER
-I FORWARD -o br-iso -j DOCKER
-t filter -C FORWARD -o br-iso -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
-I FORWARD -o br-iso -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
-t filter -C FORWARD -j DOCKER-ISOLATION-STAGE-1
-D FORWARD -j DOCKER-ISOLATION-STAGE-1
-I FORWARD -j DOCKER-ISOLATION-STAGE-1
-t filter -C DOCKER-ISOLATION-STAGE-1 -i br-iso ! -o br-iso -j DOCKER-ISOLATION-STAGE-2
-t filter -I DOCKER-ISOLATION-STAGE-1 -i br-iso ! -o br-iso -j DOCKER-ISOLATION-STAGE-2
-t filter -C DOCKER-ISOLATION-STAGE-2 -o br-iso -j DROP
-t filter -I DOCKER-ISOLATION-STAGE-2 -o br-iso -j DROP
-t filter -n -L DOCKER-USER
-t filter -C DOCKER-USER -j RETURN
-t filter -C FORWARD -j DOCKER-USER
-D FORWARD -j DOCKER-USER
-I FORWARD -j DOCKER-USER
`
  .trim()
  .split("\n");

/** docker run -p 8080:80 -p 5353:53/udp */
export const portsPublished: readonly string[] = `
-t nat -C DOCKER -p tcp -d 0/0 --dport 8080 -j DNAT --to-destination 172.17.0.2:80 ! -i docker0
-t nat -A DOCKER -p tcp -d 0/0 --dport 8080 -j DNAT --to-destination 172.17.0.2:80 ! -i docker0
-t filter -C DOCKER ! -i docker0 -o docker0 -p tcp -d 172.17.0.2 --dport 80 -j ACCEPT
-t filter -A DOCKER ! -i docker0 -o docker0 -p tcp -d 172.17.0.2 --dport 80 -j ACCEPT
-t nat -C POSTROUTING -p tcp -s 172.17.0.2 -d 172.17.0.2 --dport 80 -j MASQUERADE
-t nat -A POSTROUTING -p tcp -s 172.17.0.2 -d 172.17.0.2 --dport 80 -j MASQUERADE
-t nat -C DOCKER -p udp -d 0/0 --dport 5353 -j DNAT --to-destination 172.17.0.2:53 ! -i docker0
-t nat -A DOCKER -p udp -d 0/0 --dport 5353 -j DNAT --to-destination 172.17.0.2:53 ! -i docker0
-t filter -C DOCKER ! -i docker0 -o docker0 -p udp -d 172.17.0.2 --dport 53 -j ACCEPT
-t filter -A DOCKER ! -i docker0 -o docker0 -p udp -d 172.17.0.2 --dport 53 -j ACCEPT
-t nat -C POSTROUTING -p udp -s 172.17.0.2 -d 172.17.0.2 --dport 53 -j MASQUERADE
-t nat -A POSTROUTING -p udp -s 172.17.0.2 -d 172.17.0.2 --dport 53 -j MASQUERADE
`
  .trim()
  .split("\n");

/** docker run --net isolated -p 127.0.0.1:8081:80 */
export const loopbackPublished: readonly string[] = `
-t nat -C DOCKER -p tcp -d 127.0.0.1 --dport 8081 -j DNAT --to-destination 172.20.0.2:80 ! -i br-iso
-t nat -A DOCKER -p tcp -d 127.0.0.1 --dport 8081 -j DNAT --to-destination 172.20.0.2:80 ! -i br-iso
-t filter -C DOCKER ! -i br-iso -o br-iso -p tcp -d 172.20.0.2 --dport 80 -j ACCEPT
-t filter -A DOCKER ! -i br-iso -o br-iso -p tcp -d 172.20.0.2 --dport 80 -j ACCEPT
-t nat -C POSTROUTING -p tcp -s 172.20.0.2 -d 172.20.0.2 --dport 80 -j MASQUERADE
-t nat -A POSTROUTING -p tcp -s 172.20.0.2 -d 172.20.0.2 --dport 80 -j MASQUERADE
`
  .trim()
  .split("\n");

/** the DNS server of that container */
export const resolver: readonly string[] = `
-t nat -C OUTPUT -d 127.0.0.11 -j DOCKER_OUTPUT
-t nat -N DOCKER_OUTPUT
-t nat -I OUTPUT -d 127.0.0.11 -j DOCKER_OUTPUT
-t nat -C POSTROUTING -d 127.0.0.11 -j DOCKER_POSTROUTING
-t nat -N DOCKER_POSTROUTING
-t nat -I POSTROUTING -d 127.0.0.11 -j DOCKER_POSTROUTING
-t nat -I DOCKER_OUTPUT -d 127.0.0.11 -p udp --dport 53 -j DNAT --to-destination 127.0.0.11:42196
-t nat -I DOCKER_POSTROUTING -s 127.0.0.11 -p udp --sport 42196 -j SNAT --to-source :53
-t nat -I DOCKER_OUTPUT -d 127.0.0.11 -p tcp --dport 53 -j DNAT --to-destination 127.0.0.11:41159
-t nat -I DOCKER_POSTROUTING -s 127.0.0.11 -p tcp --sport 41159 -j SNAT --to-source :53
`
  .trim()
  .split("\n");

/** docker network create --internal int */
export const internalCreated: readonly string[] = `
-t filter -C DOCKER-ISOLATION-STAGE-1 -i br-e6a14a0946f7 ! -d 172.18.0.0/16 -j DROP
-I DOCKER-ISOLATION-STAGE-1 -i br-e6a14a0946f7 ! -d 172.18.0.0/16 -j DROP
-t filter -C DOCKER-ISOLATION-STAGE-1 -o br-e6a14a0946f7 ! -s 172.18.0.0/16 -j DROP
-I DOCKER-ISOLATION-STAGE-1 -o br-e6a14a0946f7 ! -s 172.18.0.0/16 -j DROP
-D FORWARD -i br-e6a14a0946f7 -o br-e6a14a0946f7 -j DROP
-t filter -C FORWARD -i br-e6a14a0946f7 -o br-e6a14a0946f7 -j ACCEPT
-I FORWARD -i br-e6a14a0946f7 -o br-e6a14a0946f7 -j ACCEPT
-t filter -C FORWARD -j DOCKER-ISOLATION-STAGE-1
-D FORWARD -j DOCKER-ISOLATION-STAGE-1
-I FORWARD -j DOCKER-ISOLATION-STAGE-1
-t filter -n -L DOCKER-USER
-t filter -C DOCKER-USER -j RETURN
-t filter -C FORWARD -j DOCKER-USER
-D FORWARD -j DOCKER-USER
-I FORWARD -j DOCKER-USER
`
  .trim()
  .split("\n");

/** docker network create -o …enable_icc=false -o …enable_ip_masquerade=false noicc */
export const noIccCreated: readonly string[] = `
-D FORWARD -i br-149c5eb0c2ff -o br-149c5eb0c2ff -j ACCEPT
-t filter -C FORWARD -i br-149c5eb0c2ff -o br-149c5eb0c2ff -j DROP
-A FORWARD -i br-149c5eb0c2ff -o br-149c5eb0c2ff -j DROP
-t filter -C FORWARD -i br-149c5eb0c2ff ! -o br-149c5eb0c2ff -j ACCEPT
-I FORWARD -i br-149c5eb0c2ff ! -o br-149c5eb0c2ff -j ACCEPT
-t nat -C PREROUTING -m addrtype --dst-type LOCAL -j DOCKER
-t nat -C PREROUTING -m addrtype --dst-type LOCAL -j DOCKER
-t nat -C OUTPUT -m addrtype --dst-type LOCAL -j DOCKER ! --dst 127.0.0.0/8
-t nat -C OUTPUT -m addrtype --dst-type LOCAL -j DOCKER ! --dst 127.0.0.0/8
-t filter -C FORWARD -o br-149c5eb0c2ff -j DOCKER
-I FORWARD -o br-149c5eb0c2ff -j DOCKER
-t filter -C FORWARD -o br-149c5eb0c2ff -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
-I FORWARD -o br-149c5eb0c2ff -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
-t filter -C FORWARD -j DOCKER-ISOLATION-STAGE-1
-D FORWARD -j DOCKER-ISOLATION-STAGE-1
-I FORWARD -j DOCKER-ISOLATION-STAGE-1
-t filter -C DOCKER-ISOLATION-STAGE-1 -i br-149c5eb0c2ff ! -o br-149c5eb0c2ff -j DOCKER-ISOLATION-STAGE-2
-t filter -I DOCKER-ISOLATION-STAGE-1 -i br-149c5eb0c2ff ! -o br-149c5eb0c2ff -j DOCKER-ISOLATION-STAGE-2
-t filter -C DOCKER-ISOLATION-STAGE-2 -o br-149c5eb0c2ff -j DROP
-t filter -I DOCKER-ISOLATION-STAGE-2 -o br-149c5eb0c2ff -j DROP
-t filter -n -L DOCKER-USER
-t filter -C DOCKER-USER -j RETURN
-t filter -C FORWARD -j DOCKER-USER
-D FORWARD -j DOCKER-USER
-I FORWARD -j DOCKER-USER
`
  .trim()
  .split("\n");

/** docker rm -f of the container with two ports */
export const portsRemoved: readonly string[] = `
-t nat -C DOCKER -p tcp -d 0/0 --dport 8080 -j DNAT --to-destination 172.17.0.2:80 ! -i docker0
-t nat -D DOCKER -p tcp -d 0/0 --dport 8080 -j DNAT --to-destination 172.17.0.2:80 ! -i docker0
-t filter -C DOCKER ! -i docker0 -o docker0 -p tcp -d 172.17.0.2 --dport 80 -j ACCEPT
-t filter -D DOCKER ! -i docker0 -o docker0 -p tcp -d 172.17.0.2 --dport 80 -j ACCEPT
-t nat -C POSTROUTING -p tcp -s 172.17.0.2 -d 172.17.0.2 --dport 80 -j MASQUERADE
-t nat -D POSTROUTING -p tcp -s 172.17.0.2 -d 172.17.0.2 --dport 80 -j MASQUERADE
-t nat -C DOCKER -p udp -d 0/0 --dport 5353 -j DNAT --to-destination 172.17.0.2:53 ! -i docker0
-t nat -D DOCKER -p udp -d 0/0 --dport 5353 -j DNAT --to-destination 172.17.0.2:53 ! -i docker0
-t filter -C DOCKER ! -i docker0 -o docker0 -p udp -d 172.17.0.2 --dport 53 -j ACCEPT
-t filter -D DOCKER ! -i docker0 -o docker0 -p udp -d 172.17.0.2 --dport 53 -j ACCEPT
-t nat -C POSTROUTING -p udp -s 172.17.0.2 -d 172.17.0.2 --dport 53 -j MASQUERADE
-t nat -D POSTROUTING -p udp -s 172.17.0.2 -d 172.17.0.2 --dport 53 -j MASQUERADE
`
  .trim()
  .split("\n");

/** docker network rm isolated */
export const networkRemoved: readonly string[] = `
-t nat -C POSTROUTING -s 172.20.0.0/16 ! -o br-iso -j MASQUERADE
-t nat -D POSTROUTING -s 172.20.0.0/16 ! -o br-iso -j MASQUERADE
-t nat -C DOCKER -i br-iso -j RETURN
-t nat -D DOCKER -i br-iso -j RETURN
-t filter -C FORWARD -i br-iso -o br-iso -j ACCEPT
-D FORWARD -i br-iso -o br-iso -j ACCEPT
-t filter -C FORWARD -i br-iso ! -o br-iso -j ACCEPT
-D FORWARD -i br-iso ! -o br-iso -j ACCEPT
-t filter -C FORWARD -o br-iso -j DOCKER
-t filter -C FORWARD -o br-iso -j DOCKER
-D FORWARD -o br-iso -j DOCKER
-t filter -C FORWARD -o br-iso -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
-t filter -C FORWARD -o br-iso -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
-D FORWARD -o br-iso -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
-t filter -C DOCKER-ISOLATION-STAGE-1 -i br-iso ! -o br-iso -j DOCKER-ISOLATION-STAGE-2
-t filter -D DOCKER-ISOLATION-STAGE-1 -i br-iso ! -o br-iso -j DOCKER-ISOLATION-STAGE-2
-t filter -C DOCKER-ISOLATION-STAGE-2 -o br-iso -j DROP
-t filter -D DOCKER-ISOLATION-STAGE-2 -o br-iso -j DROP
`
  .trim()
  .split("\n");

/** docker network rm int */
export const internalRemoved: readonly string[] = `
-t filter -C DOCKER-ISOLATION-STAGE-1 -i br-e6a14a0946f7 ! -d 172.18.0.0/16 -j DROP
-D DOCKER-ISOLATION-STAGE-1 -i br-e6a14a0946f7 ! -d 172.18.0.0/16 -j DROP
-t filter -C DOCKER-ISOLATION-STAGE-1 -o br-e6a14a0946f7 ! -s 172.18.0.0/16 -j DROP
-D DOCKER-ISOLATION-STAGE-1 -o br-e6a14a0946f7 ! -s 172.18.0.0/16 -j DROP
-t filter -C FORWARD -i br-e6a14a0946f7 -o br-e6a14a0946f7 -j ACCEPT
-D FORWARD -i br-e6a14a0946f7 -o br-e6a14a0946f7 -j ACCEPT
`
  .trim()
  .split("\n");

/** docker network rm noicc */
export const noIccRemoved: readonly string[] = `
-t filter -C FORWARD -i br-149c5eb0c2ff -o br-149c5eb0c2ff -j DROP
-D FORWARD -i br-149c5eb0c2ff -o br-149c5eb0c2ff -j DROP
-t filter -C FORWARD -i br-149c5eb0c2ff ! -o br-149c5eb0c2ff -j ACCEPT
-D FORWARD -i br-149c5eb0c2ff ! -o br-149c5eb0c2ff -j ACCEPT
-t filter -C FORWARD -o br-149c5eb0c2ff -j DOCKER
-t filter -C FORWARD -o br-149c5eb0c2ff -j DOCKER
-D FORWARD -o br-149c5eb0c2ff -j DOCKER
-t filter -C FORWARD -o br-149c5eb0c2ff -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
-t filter -C FORWARD -o br-149c5eb0c2ff -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
-D FORWARD -o br-149c5eb0c2ff -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
-t filter -C DOCKER-ISOLATION-STAGE-1 -i br-149c5eb0c2ff ! -o br-149c5eb0c2ff -j DOCKER-ISOLATION-STAGE-2
-t filter -D DOCKER-ISOLATION-STAGE-1 -i br-149c5eb0c2ff ! -o br-149c5eb0c2ff -j DOCKER-ISOLATION-STAGE-2
-t filter -C DOCKER-ISOLATION-STAGE-2 -o br-149c5eb0c2ff -j DROP
-t filter -D DOCKER-ISOLATION-STAGE-2 -o br-149c5eb0c2ff -j DROP
`
  .trim()
  .split("\n");
