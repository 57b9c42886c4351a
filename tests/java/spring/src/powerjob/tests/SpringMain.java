package powerjob.tests;

import java.util.HashMap;
import java.util.Map;
import org.springframework.beans.factory.annotation.Autowired;
import org.springframework.boot.Banner;
import org.springframework.boot.SpringApplication;
import org.springframework.boot.WebApplicationType;
import org.springframework.boot.autoconfigure.SpringBootApplication;
import org.springframework.core.env.Environment;
import org.springframework.stereotype.Component;
import tech.powerjob.worker.annotation.PowerJobHandler;
import tech.powerjob.worker.core.processor.ProcessResult;
import tech.powerjob.worker.core.processor.TaskContext;
import tech.powerjob.worker.core.processor.sdk.BasicProcessor;

/**
 * A Spring Boot with the official starter, unmodified, configured by its properties as a user's is;
 * the official processors are on its class path. Arguments as those of WorkerMain.
 */
@SpringBootApplication
public class SpringMain {
    public static void main(String[] arguments) throws Exception {
        Map<String, Object> properties = new HashMap<>();
        properties.put("powerjob.worker.server-address", arguments[0]);
        properties.put("powerjob.worker.app-name", arguments[1]);
        properties.put("powerjob.worker.port", arguments[2]);
        properties.put("powerjob.worker.protocol", arguments[3].toLowerCase());
        properties.put("powerjob.worker.store-strategy", "memory");
        if (arguments.length > 4 && !arguments[4].isEmpty()) {
            properties.put("powerjob.worker.tag", arguments[4]);
        }
        SpringApplication application = new SpringApplication(SpringMain.class);
        application.setBannerMode(Banner.Mode.OFF);
        application.setWebApplicationType(WebApplicationType.NONE);
        application.setDefaultProperties(properties);
        try {
            application.run();
        } catch (Throwable error) {
            System.out.println("FAILED " + error);
            System.exit(1);
        }
        System.out.println("READY");
        Thread.currentThread().join();
    }

    /** A bean that needs what only Spring can give. */
    @Component("greeter")
    public static class Greeter implements BasicProcessor {
        @Autowired
        private Environment environment;

        @Override
        public ProcessResult process(TaskContext context) {
            String application = environment.getProperty("powerjob.worker.app-name");
            return new ProcessResult(true, "bean of " + application + ": " + context.getInstanceParams());
        }
    }

    /** A bean whose methods are processors. */
    @Component("handlers")
    public static class Handlers {
        @PowerJobHandler(name = "hello")
        public String hello(TaskContext context) {
            return "hello " + context.getInstanceParams();
        }

        @PowerJobHandler(name = "broken")
        public void broken(TaskContext context) {
            throw new IllegalStateException("on purpose");
        }
    }
}
