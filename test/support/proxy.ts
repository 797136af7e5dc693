import { createServer, connect, type Socket } from 'node:net';

/** A way to a server that can be cut: connections break and new ones are refused until it is mended. */
export interface CuttableProxy {
  port: number;
  cut(): Promise<void>;
  mend(): Promise<void>;
  close(): Promise<void>;
}

export async function cuttableProxy(target: { host: string; port: number }): Promise<CuttableProxy> {
  const open = new Set<Socket>();
  const serve = (port: number) =>
    new Promise<ReturnType<typeof createServer>>((resolve, reject) => {
      const server = createServer((client) => {
        const upstream = connect(target.port, target.host);
        for (const socket of [client, upstream]) {
          open.add(socket);
          socket
            .on('error', () => undefined)
            .on('close', () => {
              open.delete(socket);
              client.destroy();
              upstream.destroy();
            });
        }
        client.pipe(upstream).pipe(client);
      });
      server.once('error', reject).listen(port, '127.0.0.1', () => resolve(server));
    });
  let server = await serve(0);
  const { port } = server.address() as { port: number };
  const cut = async (): Promise<void> => {
    for (const socket of open) socket.destroy();
    await new Promise((resolve) => server.close(resolve));
  };
  return {
    port,
    cut,
    mend: async () => {
      server = await serve(port);
    },
    close: cut,
  };
}
