package powerjob.tests;

import java.util.Arrays;
import tech.powerjob.common.enums.Protocol;
import tech.powerjob.worker.PowerJobWorker;
import tech.powerjob.worker.common.PowerJobWorkerConfig;
import tech.powerjob.worker.common.constants.StoreStrategy;

/**
 * The official worker, unmodified, driven by arguments: servers (separated by commas), application,
 * port, protocol, tag (may be empty). Says READY when it has started, or FAILED with the reason.
 */
public final class WorkerMain {
    private WorkerMain() {}

    public static void main(String[] arguments) throws Exception {
        PowerJobWorkerConfig config = new PowerJobWorkerConfig();
        config.setServerAddress(Arrays.asList(arguments[0].split(",")));
        config.setAppName(arguments[1]);
        config.setPort(Integer.parseInt(arguments[2]));
        config.setProtocol(Protocol.valueOf(arguments[3]));
        if (arguments.length > 4 && !arguments[4].isEmpty()) {
            config.setTag(arguments[4]);
        }
        config.setStoreStrategy(StoreStrategy.MEMORY);
        config.setUserContext("context of " + arguments[2]);
        try {
            new PowerJobWorker(config).init();
        } catch (Throwable error) {
            System.out.println("FAILED " + error);
            System.exit(1);
        }
        System.out.println("READY");
        Thread.currentThread().join();
    }
}
