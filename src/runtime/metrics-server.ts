import type { INestApplicationContext } from '@nestjs/common';
import { createServer, type Server } from 'node:http';
import { MetricsPage } from '../ops/metrics-page.js';

/** /metrics on a port of its own, for a scraper inside the cluster; needs no key there. */
export async function serveMetrics(app: INestApplicationContext, host: string, port: number): Promise<Server> {
  const page = app.get(MetricsPage);
  const server = createServer((request, response) => {
    if (request.url !== '/metrics') {
      response.writeHead(404).end();
      return;
    }
    page.scrape().then(
      ({ contentType, text }) => response.writeHead(200, { 'content-type': contentType }).end(text),
      () => response.writeHead(503).end(),
    );
  });
  await new Promise<void>((resolve, reject) => server.once('error', reject).listen(port, host, resolve));
  return server;
}
