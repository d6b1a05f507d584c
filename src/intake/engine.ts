import type { DuckDBConnection } from '@duckdb/node-api';

/** What DuckDB may take, and where. */
export interface EngineOptions {
  /** Where it puts what does not fit its memory. */
  tempDir: string;
  /** DuckDB's notation, e.g. `256MB`. The process takes 50 to 150 MB more than this. */
  memoryLimit: string;
  /** Default: 2. With more a sort needs more memory: with 8, 140 MB of lines are too many for 128 MB. */
  threads?: number;
  /** Ends the statement that runs. */
  signal?: AbortSignal;
}

const THREADS = 2;

/** A database of its own for what `act` does: its memory is given back with it. */
export async function withEngine<T>(
  options: EngineOptions,
  act: (connection: DuckDBConnection) => Promise<T>,
): Promise<T> {
  const { connection, close } = await openEngine(options);
  try {
    return await act(connection);
  } finally {
    close();
  }
}

/** The same for what goes on beyond one call. `close` belongs to it. */
export async function openEngine(options: EngineOptions): Promise<{ connection: DuckDBConnection; close(): void }> {
  const { tempDir, memoryLimit, threads = THREADS, signal } = options;
  signal?.throwIfAborted();
  // Loaded on use: a worker that only calls never sorts, and the engine is large.
  const { DuckDBInstance } = await import('@duckdb/node-api');
  const instance = await DuckDBInstance.create(':memory:', {
    memory_limit: memoryLimit,
    temp_directory: tempDir,
    preserve_insertion_order: 'false',
    autoinstall_known_extensions: 'false',
    autoload_known_extensions: 'false',
    threads: String(threads),
  });
  const connection = await instance.connect().catch((error: unknown) => {
    instance.closeSync();
    throw error;
  });
  const interrupt = () => connection.interrupt();
  signal?.addEventListener('abort', interrupt);
  const close = () => {
    signal?.removeEventListener('abort', interrupt);
    connection.closeSync();
    instance.closeSync();
  };
  // What was aborted while the engine was loaded told no listener.
  if (signal?.aborted) close();
  signal?.throwIfAborted();
  return { connection, close };
}

/** A path as a literal of SQL, to be written to. */
export function quoted(path: string): string {
  return `'${path.replaceAll("'", "''")}'`;
}

/** The same, to be read from: there DuckDB takes a path for a pattern. */
export function quotedInput(path: string): string {
  return quoted(path.replaceAll(/[*?[]/g, '[$&]'));
}
