import sys, pika
channel = pika.BlockingConnection(pika.URLParameters(sys.argv[1])).channel()
channel.confirm_delivery()
headers = {"plot-type": "CDC_occupancy", "run": "80464", "chunk": "37", "conditions": '{"beam_na": 150}'}
channel.basic_publish("hydra.images", "", open(sys.argv[2], "rb").read(), pika.BasicProperties(headers=headers, delivery_mode=2), mandatory=True)
