// The help texts of the commands about containers: see pages.ts for the form.

import { CONTAINER_FLAGS } from "./container-flags.ts";

export const CONTAINER_PAGES: string = `
# run
usage: [OPTIONS] IMAGE [COMMAND] [ARG...]
20 summary: Run a command in a new container
28 summary: Create and run a new container from an image
28 aliases: docker container run, docker run
   -d --detach  Run container in background and print container ID
      --detach-keys string  Override the key sequence for detaching a container
20    --pull string  Pull image before running ("always"|"missing"|"never") (default "missing")
28    --pull string  Pull image before running ("always", "missing", "never") (default "missing")
      --sig-proxy  Proxy received signals to the process (default true)${CONTAINER_FLAGS}
# create
usage: [OPTIONS] IMAGE [COMMAND] [ARG...]
summary: Create a new container
28 aliases: docker container create, docker create
20    --pull string  Pull image before creating ("always"|"missing"|"never") (default "missing")
28    --pull string  Pull image before creating ("always", "|missing", "never") (default "missing")${CONTAINER_FLAGS}
# attach
usage: [OPTIONS] CONTAINER
summary: Attach local standard input, output, and error streams to a running container
28 aliases: docker container attach, docker attach
      --detach-keys string  Override the key sequence for detaching a container
      --no-stdin  Do not attach STDIN
      --sig-proxy  Proxy all received signals to the process (default true)

# cp
usage: [OPTIONS] CONTAINER:SRC_PATH DEST_PATH|-\\n[OPTIONS] SRC_PATH|- CONTAINER:DEST_PATH
summary: Copy files/folders between a container and the local filesystem
more: Use '-' as the source to read a tar archive from stdin\\nand extract it to a directory destination in a container.\\nUse '-' as the destination to stream a tar archive of a\\ncontainer source to stdout.
28 aliases: docker container cp, docker cp
   -a --archive  Archive mode (copy all uid/gid information)
   -L --follow-link  Always follow symbol link in SRC_PATH
28 -q --quiet  Suppress progress output during copy. Progress output is automatically suppressed if no terminal is attached

# diff
usage: CONTAINER
summary: Inspect changes to files or directories on a container's filesystem
28 aliases: docker container diff, docker diff

# exec
usage: [OPTIONS] CONTAINER COMMAND [ARG...]
20 summary: Run a command in a running container
28 summary: Execute a command in a running container
28 aliases: docker container exec, docker exec
   -d --detach  Detached mode: run command in the background
      --detach-keys string  Override the key sequence for detaching a container
   -e --env list  Set environment variables
      --env-file list  Read in a file of environment variables
   -i --interactive  Keep STDIN open even if not attached
      --privileged  Give extended privileges to the command
   -t --tty  Allocate a pseudo-TTY
20 -u --user string  Username or UID (format: <name|uid>[:<group|gid>])
28 -u --user string  Username or UID (format: "<name|uid>[:<group|gid>]")
   -w --workdir string  Working directory inside the container

# inspect
usage: [OPTIONS] NAME|ID [NAME|ID...]
summary: Return low-level information on Docker objects
20 -f --format string  Format the output using the given Go template
28 -f --format string  @format
   -s --size  Display total file sizes if the type is container
20    --type string  Return JSON for specified type
28    --type string  Only inspect objects of the given type

# kill
usage: [OPTIONS] CONTAINER [CONTAINER...]
summary: Kill one or more running containers
28 aliases: docker container kill, docker kill
20 -s --signal string  Signal to send to the container (default "KILL")
28 -s --signal string  Signal to send to the container

# logs
usage: [OPTIONS] CONTAINER
summary: Fetch the logs of a container
28 aliases: docker container logs, docker logs
      --details  Show extra details provided to logs
   -f --follow  Follow log output
20    --since string  Show logs since timestamp (e.g. 2013-01-02T13:23:37Z) or relative (e.g. 42m for 42 minutes)
28    --since string  Show logs since timestamp (e.g. "2013-01-02T13:23:37Z") or relative (e.g. "42m" for 42 minutes)
   -n --tail string  Number of lines to show from the end of the logs (default "all")
   -t --timestamps  Show timestamps
20    --until string  Show logs before a timestamp (e.g. 2013-01-02T13:23:37Z) or relative (e.g. 42m for 42 minutes)
28    --until string  Show logs before a timestamp (e.g. "2013-01-02T13:23:37Z") or relative (e.g. "42m" for 42 minutes)

# pause
usage: CONTAINER [CONTAINER...]
summary: Pause all processes within one or more containers
28 aliases: docker container pause, docker pause

# port
usage: CONTAINER [PRIVATE_PORT[/PROTO]]
summary: List port mappings or a specific mapping for the container
28 aliases: docker container port, docker port

# ps
usage: [OPTIONS]
summary: List containers
28 aliases: docker container ls, docker container list, docker container ps, docker ps
   -a --all  Show all containers (default shows just running)
   -f --filter filter  Filter output based on conditions provided
20    --format string  Pretty-print containers using a Go template
28    --format string  @table
   -n --last int  Show n last created containers (includes all states) (default -1)
   -l --latest  Show the latest created container (includes all states)
      --no-trunc  Don't truncate output
   -q --quiet  Only display container IDs
   -s --size  Display total file sizes

# rename
usage: CONTAINER NEW_NAME
summary: Rename a container
28 aliases: docker container rename, docker rename

# restart
usage: [OPTIONS] CONTAINER [CONTAINER...]
summary: Restart one or more containers
28 aliases: docker container restart, docker restart
28 -s --signal string  Signal to send to the container
20 -t --time int  Seconds to wait for stop before killing the container (default 10)
28 -t --timeout int  Seconds to wait before killing the container
28    --time int  = timeout

# rm
usage: [OPTIONS] CONTAINER [CONTAINER...]
summary: Remove one or more containers
28 aliases: docker container rm, docker container remove, docker rm
   -f --force  Force the removal of a running container (uses SIGKILL)
   -l --link  Remove the specified link
   -v --volumes  Remove anonymous volumes associated with the container

# start
usage: [OPTIONS] CONTAINER [CONTAINER...]
summary: Start one or more stopped containers
28 aliases: docker container start, docker start
   -a --attach  Attach STDOUT/STDERR and forward signals
      --detach-keys string  Override the key sequence for detaching a container
   -i --interactive  Attach container's STDIN

# stop
usage: [OPTIONS] CONTAINER [CONTAINER...]
summary: Stop one or more running containers
28 aliases: docker container stop, docker stop
28 -s --signal string  Signal to send to the container
20 -t --time int  Seconds to wait for stop before killing it (default 10)
28 -t --timeout int  Seconds to wait before killing the container
28    --time int  = timeout

# top
usage: CONTAINER [ps OPTIONS]
summary: Display the running processes of a container
28 aliases: docker container top, docker top

# unpause
usage: CONTAINER [CONTAINER...]
summary: Unpause all processes within one or more containers
28 aliases: docker container unpause, docker unpause

# update
usage: [OPTIONS] CONTAINER [CONTAINER...]
summary: Update configuration of one or more containers
28 aliases: docker container update, docker update
      --blkio-weight uint16  Block IO (relative weight), between 10 and 1000, or 0 to disable (default 0)
      --cpu-period int  Limit CPU CFS (Completely Fair Scheduler) period
      --cpu-quota int  Limit CPU CFS (Completely Fair Scheduler) quota
      --cpu-rt-period int  Limit the CPU real-time period in microseconds
      --cpu-rt-runtime int  Limit the CPU real-time runtime in microseconds
   -c --cpu-shares int  CPU shares (relative weight)
      --cpus decimal  Number of CPUs
      --cpuset-cpus string  CPUs in which to allow execution (0-3, 0,1)
      --cpuset-mems string  MEMs in which to allow execution (0-3, 0,1)
20    --kernel-memory bytes  Kernel memory limit
   -m --memory bytes  Memory limit
      --memory-reservation bytes  Memory soft limit
20    --memory-swap bytes  Swap limit equal to memory plus swap: '-1' to enable unlimited swap
28    --memory-swap bytes  Swap limit equal to memory plus swap: -1 to enable unlimited swap
      --pids-limit int  Tune container pids limit (set -1 for unlimited)
      --restart string  Restart policy to apply when a container exits

# wait
usage: CONTAINER [CONTAINER...]
summary: Block until one or more containers stop, then print their exit codes
28 aliases: docker container wait, docker wait
# container ls
usage: [OPTIONS]
summary: List containers
20 aliases: ls, ps, list
28 aliases: docker container ls, docker container list, docker container ps, docker ps
like: ps

# container inspect
usage: [OPTIONS] CONTAINER [CONTAINER...]
summary: Display detailed information on one or more containers
20 -f --format string  Format the output using the given Go template
28 -f --format string  @format
   -s --size  Display total file sizes

# container prune
usage: [OPTIONS]
summary: Remove all stopped containers
20    --filter filter  Provide filter values (e.g. 'until=<timestamp>')
28    --filter filter  Provide filter values (e.g. "until=<timestamp>")
   -f --force  Do not prompt for confirmation
`;
