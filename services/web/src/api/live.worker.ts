/** One live stream for all pages of a browser. A browser opens no more than six connections to a
 * server, and a counting house has more pages open than that: each with a stream of its own, the
 * seventh would stand still. */
import { SILENCE_MS, Stream } from './stream';

const ports = new Set<MessagePort>();
let tick = '';
let tickedAt = -Infinity;

function join(port: MessagePort): void {
  ports.add(port);
  port.onmessage = ({ data }) => {
    if (data === 'bye') ports.delete(port);
    else if (data === 'here') ports.add(port);
  };
  // A page that comes later need not wait for the next second.
  if (performance.now() - tickedAt < SILENCE_MS) port.postMessage(['tick', tick]);
}

// The library of pages does not know this kind of scope.
const scope = self as unknown as { onconnect: (event: MessageEvent) => void };
scope.onconnect = ({ ports: [port] }) => port && join(port);

new Stream('/api/v1/live', (name, data) => {
  if (name === 'tick') [tick, tickedAt] = [data, performance.now()];
  for (const port of ports) port.postMessage([name, data]);
});
