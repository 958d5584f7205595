import com.rabbitmq.client.*;
import java.nio.file.*;
import java.util.*;

public class Publish {
    public static void main(String[] args) throws Exception {
        ConnectionFactory factory = new ConnectionFactory();
        factory.setUri(args[0]);
        try (Connection connection = factory.newConnection(); Channel channel = connection.createChannel()) {
            boolean[] returned = {false};
            channel.addReturnListener(message -> returned[0] = true);
            channel.confirmSelect();
            Map<String, Object> headers = Map.of("plot-type", "CDC_occupancy", "run", "80464", "chunk", "37");
            AMQP.BasicProperties facts = new AMQP.BasicProperties.Builder().headers(headers).deliveryMode(2).build();
            channel.basicPublish("hydra.images", "", true, facts, Files.readAllBytes(Path.of(args[1])));
            channel.waitForConfirmsOrDie(10_000);
            if (returned[0]) throw new IllegalStateException("no queue has taken it");
        }
    }
}
