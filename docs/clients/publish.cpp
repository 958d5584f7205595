// g++ publish.cpp -lrabbitmq -o publish; ./publish HOST PORT VHOST USER PASSWORD FILE
#include <amqp.h>
#include <amqp_tcp_socket.h>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <string>

void check(amqp_rpc_reply_t reply) {
    if (reply.reply_type != AMQP_RESPONSE_NORMAL) throw std::runtime_error("refused by the broker");
}

amqp_table_entry_t header(const char *name, const char *text) {
    amqp_table_entry_t entry{amqp_cstring_bytes(name), {}};
    entry.value.kind = AMQP_FIELD_KIND_UTF8;
    entry.value.value.bytes = amqp_cstring_bytes(text);
    return entry;
}

int main(int, char **argv) {
    std::ifstream file(argv[6], std::ios::binary);
    std::string image{std::istreambuf_iterator<char>(file), {}};
    auto connection = amqp_new_connection();
    if (amqp_socket_open(amqp_tcp_socket_new(connection), argv[1], std::atoi(argv[2]))) throw std::runtime_error("no broker");
    check(amqp_login(connection, argv[3], 0, AMQP_DEFAULT_FRAME_SIZE, 30, AMQP_SASL_METHOD_PLAIN, argv[4], argv[5]));
    amqp_channel_open(connection, 1);
    amqp_confirm_select(connection, 1);
    check(amqp_get_rpc_reply(connection));

    amqp_table_entry_t headers[] = {header("plot-type", "CDC_occupancy"), header("run", "80464"), header("chunk", "37")};
    amqp_basic_properties_t facts{};
    facts._flags = AMQP_BASIC_HEADERS_FLAG | AMQP_BASIC_DELIVERY_MODE_FLAG;
    facts.headers = {3, headers};
    facts.delivery_mode = AMQP_DELIVERY_PERSISTENT;
    amqp_basic_publish(connection, 1, amqp_cstring_bytes("hydra.images"), amqp_empty_bytes, true, false, &facts, {image.size(), image.data()});

    // the broker has it when it says ack, and nothing else
    amqp_frame_t answer;
    if (amqp_simple_wait_frame(connection, &answer) || answer.frame_type != AMQP_FRAME_METHOD || answer.payload.method.id != AMQP_BASIC_ACK_METHOD)
        throw std::runtime_error("not taken");
    check(amqp_connection_close(connection, AMQP_REPLY_SUCCESS));
    amqp_destroy_connection(connection);
}
