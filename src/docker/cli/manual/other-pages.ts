// The help texts of the commands about images, networks and the whole: see pages.ts for the form.

export const OTHER_PAGES = `
# images
usage: [OPTIONS] [REPOSITORY[:TAG]]
summary: List images
28 aliases: docker image ls, docker image list, docker images
   -a --all  Show all images (default hides intermediate images)
      --digests  Show digests
   -f --filter filter  Filter output based on conditions provided
20    --format string  Pretty-print images using a Go template
28    --format string  @table
      --no-trunc  Don't truncate output
   -q --quiet  Only show image IDs
28    --tree  List multi-platform images as a tree (EXPERIMENTAL)

# history
usage: [OPTIONS] IMAGE
summary: Show the history of an image
28 aliases: docker image history, docker history
20    --format string  Pretty-print images using a Go template
28    --format string  @table
   -H --human  Print sizes and dates in human readable format (default true)
      --no-trunc  Don't truncate output
28    --platform string  Show history for the given platform. Formatted as "os[/arch[/variant]]" (e.g., "linux/amd64")
   -q --quiet  Only show image IDs

# pull
usage: [OPTIONS] NAME[:TAG|@DIGEST]
20 summary: Pull an image or a repository from a registry
28 summary: Download an image from a registry
28 aliases: docker image pull, docker pull
   -a --all-tags  Download all tagged images in the repository
      --disable-content-trust  Skip image verification (default true)
      --platform string  Set platform if server is multi-platform capable
   -q --quiet  Suppress verbose output

# rmi
usage: [OPTIONS] IMAGE [IMAGE...]
summary: Remove one or more images
28 aliases: docker image rm, docker image remove, docker rmi
   -f --force  Force removal of the image
      --no-prune  Do not delete untagged parents
28    --platform strings  Remove only the given platform variant. Formatted as "os[/arch[/variant]]" (e.g., "linux/amd64")

# tag
usage: SOURCE_IMAGE[:TAG] TARGET_IMAGE[:TAG]
summary: Create a tag TARGET_IMAGE that refers to SOURCE_IMAGE
28 aliases: docker image tag, docker tag
# image ls
usage: [OPTIONS] [REPOSITORY[:TAG]]
summary: List images
20 aliases: ls, list
28 aliases: docker image ls, docker image list, docker images
like: images

# image rm
usage: [OPTIONS] IMAGE [IMAGE...]
summary: Remove one or more images
20 aliases: rm, rmi, remove
28 aliases: docker image rm, docker image remove, docker rmi
like: rmi

# image inspect
usage: [OPTIONS] IMAGE [IMAGE...]
summary: Display detailed information on one or more images
20 -f --format string  Format the output using the given Go template
28 -f --format string  @format
28    --platform string  Inspect a specific platform of the multi-platform image.\\nIf the image or the server is not multi-platform capable, the command will error out if the platform does not match.\\n'os[/arch[/variant]]': Explicit platform (eg. linux/amd64)

# image prune
usage: [OPTIONS]
summary: Remove unused images
   -a --all  Remove all unused images, not just dangling ones
20    --filter filter  Provide filter values (e.g. 'until=<timestamp>')
28    --filter filter  Provide filter values (e.g. "until=<timestamp>")
   -f --force  Do not prompt for confirmation

# network connect
usage: [OPTIONS] NETWORK CONTAINER
summary: Connect a container to a network
      --alias strings  Add network-scoped alias for the container
      --driver-opt strings  driver options for the network
28    --gw-priority int  Highest gw-priority provides the default gateway. Accepts positive and negative values.
20    --ip string  IPv4 address (e.g., 172.30.100.104)
28    --ip string  IPv4 address (e.g., "172.30.100.104")
20    --ip6 string  IPv6 address (e.g., 2001:db8::33)
28    --ip6 string  IPv6 address (e.g., "2001:db8::33")
      --link list  Add link to another container
      --link-local-ip strings  Add a link-local address for the container

# network create
usage: [OPTIONS] NETWORK
summary: Create a network
      --attachable  Enable manual container attachment
      --aux-address map  Auxiliary IPv4 or IPv6 addresses used by Network driver (default map[])
      --config-from string  The network from which to copy the configuration
      --config-only  Create a configuration only network
   -d --driver string  Driver to manage the Network (default "bridge")
      --gateway strings  IPv4 or IPv6 Gateway for the master subnet
      --ingress  Create swarm routing-mesh network
      --internal  Restrict external access to the network
      --ip-range strings  Allocate container ip from a sub-range
      --ipam-driver string  IP Address Management Driver (default "default")
      --ipam-opt map  Set IPAM driver specific options (default map[])
28    --ipv4  Enable or disable IPv4 address assignment (default true)
20    --ipv6  Enable IPv6 networking
28    --ipv6  Enable or disable IPv6 address assignment
      --label list  Set metadata on a network
   -o --opt map  Set driver specific options (default map[])
      --scope string  Control the network's scope
      --subnet strings  Subnet in CIDR format that represents a network segment

# network disconnect
usage: [OPTIONS] NETWORK CONTAINER
summary: Disconnect a container from a network
   -f --force  Force the container to disconnect from a network

# network inspect
usage: [OPTIONS] NETWORK [NETWORK...]
summary: Display detailed information on one or more networks
20 -f --format string  Format the output using the given Go template
28 -f --format string  @format
   -v --verbose  Verbose output for diagnostics

# network ls
usage: [OPTIONS]
summary: List networks
20 aliases: ls, list
28 aliases: docker network ls, docker network list
20 -f --filter filter  Provide filter values (e.g. 'driver=bridge')
28 -f --filter filter  Provide filter values (e.g. "driver=bridge")
20    --format string  Pretty-print networks using a Go template
28    --format string  @table
      --no-trunc  Do not truncate the output
   -q --quiet  Only display network IDs

# network prune
usage: [OPTIONS]
summary: Remove all unused networks
20    --filter filter  Provide filter values (e.g. 'until=<timestamp>')
28    --filter filter  Provide filter values (e.g. "until=<timestamp>")
   -f --force  Do not prompt for confirmation

# network rm
usage: NETWORK [NETWORK...]
summary: Remove one or more networks
20 aliases: rm, remove
28 aliases: docker network rm, docker network remove
28 -f --force  Do not error if the network does not exist

# info
usage: [OPTIONS]
summary: Display system-wide information
28 aliases: docker system info, docker info
20 -f --format string  Format the output using the given Go template
28 -f --format string  @format

# version
usage: [OPTIONS]
summary: Show the Docker version information
20 -f --format string  Format the output using the given Go template
28 -f --format string  @format
20    --kubeconfig string  Kubernetes config file

# system df
usage: [OPTIONS]
summary: Show docker disk usage
20    --format string  Pretty-print images using a Go template
28    --format string  @table
   -v --verbose  Show detailed information on space usage

# system prune
usage: [OPTIONS]
summary: Remove unused data
   -a --all  Remove all unused images not just dangling ones
20    --filter filter  Provide filter values (e.g. 'label=<key>=<value>')
28    --filter filter  Provide filter values (e.g. "label=<key>=<value>")
   -f --force  Do not prompt for confirmation
20    --volumes  Prune volumes
28    --volumes  Prune anonymous volumes
`;
