// Keeps a core busy. Ends with its parent: it looks up every 20 ms.
process.on('disconnect', () => process.exit());
burn();

function burn() {
  const end = performance.now() + 20;
  while (performance.now() < end);
  setImmediate(burn);
}
