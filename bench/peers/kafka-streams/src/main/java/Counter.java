import com.fasterxml.jackson.annotation.JsonIgnoreProperties;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.ObjectReader;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.Map;
import java.util.Properties;
import java.util.concurrent.CountDownLatch;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.Topology;
import org.apache.kafka.streams.errors.StreamsUncaughtExceptionHandler.StreamThreadExceptionResponse;
import org.apache.kafka.streams.processor.api.Processor;
import org.apache.kafka.streams.processor.api.ProcessorContext;
import org.apache.kafka.streams.processor.api.Record;
import org.apache.kafka.streams.state.KeyValueStore;
import org.apache.kafka.streams.state.Stores;

/**
 * The counter of the benchmarks on Kafka Streams, exactly once: for each key how many events there were and what they sum up to, told
 * after each event.
 *
 * Its state is in the RocksDB store with the record cache and the changelog, as the library has them by itself. Ends when it has counted
 * all events and committed them; its last line are its figures, as those of the contestants in Python (bench/measuring.py).
 *
 * Arguments: bootstrap, application id, state folder, input, output, events, milliseconds between commits.
 */
public final class Counter implements Processor<byte[], byte[], byte[], byte[]> {
    private static final String COUNTED = "counted";
    private static final ObjectReader READER = new ObjectMapper().readerFor(Event.class);

    @JsonIgnoreProperties(ignoreUnknown = true)
    public record Amounts(long amount) {}

    /** What the counter reads of an event; the rest is passed over. */
    @JsonIgnoreProperties(ignoreUnknown = true)
    public record Event(String id, String type, String subject, Amounts data) {}

    private final Run run;
    private ProcessorContext<byte[], byte[]> context;
    private KeyValueStore<byte[], byte[]> store;

    private Counter(Run run) {
        this.run = run;
    }

    @Override
    public void init(ProcessorContext<byte[], byte[]> context) {
        this.context = context;
        this.store = context.getStateStore(COUNTED);
    }

    @Override
    public void process(Record<byte[], byte[]> record) {
        run.begin();
        Event event = read(record.value());
        byte[] before = store.get(record.key());
        long seen = 1;
        long total = event.data().amount();
        if (before != null) {
            ByteBuffer kept = ByteBuffer.wrap(before);
            seen += kept.getLong();
            total += kept.getLong();
        }
        store.put(record.key(), ByteBuffer.allocate(16).putLong(seen).putLong(total).array());
        String told = "{\"event\":\"" + event.id() + "\",\"seen\":" + seen + ",\"total_minor\":" + total + "}";
        context.forward(record.withValue(told.getBytes(StandardCharsets.UTF_8)));
        run.counted();
    }

    private static Event read(byte[] value) {
        try {
            return READER.readValue(value);
        } catch (IOException error) {
            throw new IllegalStateException("not an event", error);
        }
    }

    public static void main(String[] arguments) throws InterruptedException {
        Run run = new Run(Long.parseLong(arguments[5]));
        Topology topology = new Topology()
            .addSource("events", arguments[3])
            .addProcessor("counter", () -> new Counter(run), "events")
            .addStateStore(
                Stores.keyValueStoreBuilder(Stores.persistentKeyValueStore(COUNTED), Serdes.ByteArray(), Serdes.ByteArray())
                    .withCachingEnabled()
                    .withLoggingEnabled(Map.of()),
                "counter")
            .addSink("counts", arguments[4], "counter");
        KafkaStreams streams = new KafkaStreams(topology, settings(arguments));
        streams.setUncaughtExceptionHandler(error -> {
            error.printStackTrace();
            run.fail();
            return StreamThreadExceptionResponse.SHUTDOWN_CLIENT;
        });
        streams.start();
        run.await();
        streams.close();
        run.tell();
    }

    private static Properties settings(String[] arguments) {
        Properties settings = new Properties();
        settings.put("bootstrap.servers", arguments[0]);
        settings.put("application.id", arguments[1]);
        settings.put("state.dir", arguments[2]);
        settings.put("processing.guarantee", "exactly_once_v2");
        settings.put("commit.interval.ms", arguments[6]);
        settings.put("replication.factor", "1");
        settings.put("auto.offset.reset", "earliest");
        settings.put("default.key.serde", Serdes.ByteArraySerde.class);
        settings.put("default.value.serde", Serdes.ByteArraySerde.class);
        return settings;
    }

    /** Measures from the first event to the last commit. */
    private static final class Run {
        private final long events;
        private final CountDownLatch over = new CountDownLatch(1);
        private long counted;
        private long beganNs;
        private long beganCpuNs;
        private long halfCpuNs;
        private volatile boolean failed;

        Run(long events) {
            this.events = events;
        }

        void begin() {
            if (counted == 0) {
                beganNs = System.nanoTime();
                beganCpuNs = cpuNs();
            }
        }

        void counted() {
            counted++;
            if (counted == events / 2) {
                halfCpuNs = cpuNs();
            }
            if (counted == events) {
                over.countDown();
            }
        }

        void fail() {
            failed = true;
            over.countDown();
        }

        void await() throws InterruptedException {
            over.await();
        }

        void tell() {
            if (failed) {
                System.exit(1);
            }
            double wallS = (System.nanoTime() - beganNs) / 1e9;
            double cpuS = (cpuNs() - beganCpuNs) / 1e9;
            double secondHalfS = (cpuNs() - halfCpuNs) / 1e9;
            System.out.println(
                "{\"events\": " + counted + ", \"wall_s\": " + wallS + ", \"cpu_s\": " + cpuS + ", \"second_half_cpu_s\": " + secondHalfS + "}");
        }

        /** User and system time of the whole process, the compiler's and the collector's threads too. */
        private static long cpuNs() {
            return ((com.sun.management.OperatingSystemMXBean) java.lang.management.ManagementFactory.getOperatingSystemMXBean())
                .getProcessCpuTime();
        }
    }
}
