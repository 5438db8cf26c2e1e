// Which commands Docker has, in which groups, with the line that a help text gives to each; those that vethlab refuses
// too. See pages.ts for the form.

export const GROUP_PAGES = `
# docker: A self-sufficient runtime for containers
28 common run: Create and run a new container from an image
28 common exec: Execute a command in a running container
28 common ps: List containers
28 common build: Build an image from a Dockerfile
28 common pull: Download an image from a registry
28 common push: Upload an image to a registry
28 common images: List images
28 common login: Authenticate to a registry
28 common logout: Log out from a registry
28 common search: Search Docker Hub for images
28 common version: Show the Docker version information
28 common info: Display system-wide information
   commands attach: Attach local standard input, output, and error streams to a running container
20 commands build: Build an image from a Dockerfile
   management builder: Manage builds
   commands commit: Create a new image from a container's changes
20 management completion: Generate the autocompletion script for the specified shell
28 management compose: Docker Compose
20 management config: Manage Docker configs
   management container: Manage containers
   management context: Manage contexts
   commands cp: Copy files/folders between a container and the local filesystem
   commands create: Create a new container
   commands diff: Inspect changes to files or directories on a container's filesystem
   commands events: Get real time events from the server
20 commands exec: Run a command in a running container
   commands export: Export a container's filesystem as a tar archive
   commands history: Show the history of an image
   management image: Manage images
20 commands images: List images
   commands import: Import the contents from a tarball to create a filesystem image
20 commands info: Display system-wide information
   commands inspect: Return low-level information on Docker objects
   commands kill: Kill one or more running containers
   commands load: Load an image from a tar archive or STDIN
20 commands login: Log in to a Docker registry
20 commands logout: Log out from a Docker registry
   commands logs: Fetch the logs of a container
   management manifest: Manage Docker image manifests and manifest lists
   management network: Manage networks
20 management node: Manage Swarm nodes
   commands pause: Pause all processes within one or more containers
   management plugin: Manage plugins
   commands port: List port mappings or a specific mapping for the container
20 commands ps: List containers
20 commands pull: Pull an image or a repository from a registry
20 commands push: Push an image or a repository to a registry
   commands rename: Rename a container
   commands restart: Restart one or more containers
   commands rm: Remove one or more containers
   commands rmi: Remove one or more images
20 commands run: Run a command in a new container
   commands save: Save one or more images to a tar archive (streamed to STDOUT by default)
20 commands search: Search the Docker Hub for images
20 management secret: Manage Docker secrets
20 management service: Manage services
20 management stack: Manage Docker stacks
   commands start: Start one or more stopped containers
   commands stats: Display a live stream of container(s) resource usage statistics
   commands stop: Stop one or more running containers
20 management swarm: Manage Swarm
28 swarm swarm: Manage Swarm
   management system: Manage Docker
   commands tag: Create a tag TARGET_IMAGE that refers to SOURCE_IMAGE
   commands top: Display the running processes of a container
   management trust: Manage trust on Docker images
   commands unpause: Unpause all processes within one or more containers
   commands update: Update configuration of one or more containers
20 commands version: Show the Docker version information
   management volume: Manage volumes
   commands wait: Block until one or more containers stop, then print their exit codes

# container: Manage containers
   commands attach: Attach local standard input, output, and error streams to a running container
   commands commit: Create a new image from a container's changes
   commands cp: Copy files/folders between a container and the local filesystem
   commands create: Create a new container
   commands diff: Inspect changes to files or directories on a container's filesystem
20 commands exec: Run a command in a running container
28 commands exec: Execute a command in a running container
   commands export: Export a container's filesystem as a tar archive
   commands inspect: Display detailed information on one or more containers
   commands kill: Kill one or more running containers
   commands logs: Fetch the logs of a container
   commands ls: List containers
   commands pause: Pause all processes within one or more containers
   commands port: List port mappings or a specific mapping for the container
   commands prune: Remove all stopped containers
   commands rename: Rename a container
   commands restart: Restart one or more containers
   commands rm: Remove one or more containers
20 commands run: Run a command in a new container
28 commands run: Create and run a new container from an image
   commands start: Start one or more stopped containers
   commands stats: Display a live stream of container(s) resource usage statistics
   commands stop: Stop one or more running containers
   commands top: Display the running processes of a container
   commands unpause: Unpause all processes within one or more containers
   commands update: Update configuration of one or more containers
   commands wait: Block until one or more containers stop, then print their exit codes

# image: Manage images
   commands build: Build an image from a Dockerfile
   commands history: Show the history of an image
   commands import: Import the contents from a tarball to create a filesystem image
   commands inspect: Display detailed information on one or more images
   commands load: Load an image from a tar archive or STDIN
   commands ls: List images
   commands prune: Remove unused images
20 commands pull: Pull an image or a repository from a registry
28 commands pull: Download an image from a registry
20 commands push: Push an image or a repository to a registry
28 commands push: Upload an image to a registry
   commands rm: Remove one or more images
   commands save: Save one or more images to a tar archive (streamed to STDOUT by default)
   commands tag: Create a tag TARGET_IMAGE that refers to SOURCE_IMAGE

# network: Manage networks
   commands connect: Connect a container to a network
   commands create: Create a network
   commands disconnect: Disconnect a container from a network
   commands inspect: Display detailed information on one or more networks
   commands ls: List networks
   commands prune: Remove all unused networks
   commands rm: Remove one or more networks

# system: Manage Docker
   commands df: Show docker disk usage
   commands events: Get real time events from the server
   commands info: Display system-wide information
   commands prune: Remove unused data

`;
