#include <SimpleAmqpClient/SimpleAmqpClient.h>
#include <fstream>
#include <iterator>

int main(int, char **argv) {
    std::ifstream file(argv[2], std::ios::binary);
    std::string image{std::istreambuf_iterator<char>(file), {}};
    auto message = AmqpClient::BasicMessage::Create(image);
    message->HeaderTable({{"plot-type", "CDC_occupancy"}, {"run", "80464"}, {"chunk", "37"}});
    message->DeliveryMode(AmqpClient::BasicMessage::dm_persistent);
    // returns when the broker has confirmed, throws when it has not
    AmqpClient::Channel::Open(AmqpClient::Channel::OpenOpts::FromUri(argv[1]))->BasicPublish("hydra.images", "", message, true);
}
