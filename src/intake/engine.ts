import type { DuckDBConnection } from '@duckdb/node-api';

/** What DuckDB may take, and where. */
export interface EngineOptions {
  /** Where it puts what does not fit its memory. */
  tempDir: string;
  /** DuckDB's notation, e.g. `256MB`. The process takes 120–250 MB more than this. */
  memoryLimit: string;
  /** Default: as many as there are cores. */
  threads?: number;
  /** Ends the statement that runs. */
  signal?: AbortSignal;
}

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
  const { tempDir, memoryLimit, threads, signal } = options;
  signal?.throwIfAborted();
  // Loaded on use: a worker that only calls never sorts, and the engine is large.
  const { DuckDBInstance } = await import('@duckdb/node-api');
  const instance = await DuckDBInstance.create(':memory:', {
    memory_limit: memoryLimit,
    temp_directory: tempDir,
    preserve_insertion_order: 'false',
    autoinstall_known_extensions: 'false',
    autoload_known_extensions: 'false',
    ...(threads !== undefined && { threads: String(threads) }),
  });
  const connection = await instance.connect().catch((error: unknown) => {
    instance.closeSync();
    throw error;
  });
  const interrupt = () => connection.interrupt();
  signal?.addEventListener('abort', interrupt);
  return {
    connection,
    close() {
      signal?.removeEventListener('abort', interrupt);
      connection.closeSync();
      instance.closeSync();
    },
  };
}

/** A path as a literal of SQL. */
export function quoted(path: string): string {
  return `'${path.replaceAll("'", "''")}'`;
}
