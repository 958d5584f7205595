/*M!999999\- enable the sandbox mode */ 
-- MariaDB dump 10.19  Distrib 10.11.19-MariaDB, for debian-linux-gnu (x86_64)
--
-- Host: 127.0.0.1    Database: hydra
-- ------------------------------------------------------
-- Server version	10.11.19-MariaDB-0+deb12u1

/*!40101 SET @OLD_CHARACTER_SET_CLIENT=@@CHARACTER_SET_CLIENT */;
/*!40101 SET @OLD_CHARACTER_SET_RESULTS=@@CHARACTER_SET_RESULTS */;
/*!40101 SET @OLD_COLLATION_CONNECTION=@@COLLATION_CONNECTION */;
/*!40101 SET NAMES utf8mb4 */;
/*!40103 SET @OLD_TIME_ZONE=@@TIME_ZONE */;
/*!40103 SET TIME_ZONE='+00:00' */;
/*!40014 SET @OLD_UNIQUE_CHECKS=@@UNIQUE_CHECKS, UNIQUE_CHECKS=0 */;
/*!40014 SET @OLD_FOREIGN_KEY_CHECKS=@@FOREIGN_KEY_CHECKS, FOREIGN_KEY_CHECKS=0 */;
/*!40101 SET @OLD_SQL_MODE=@@SQL_MODE, SQL_MODE='NO_AUTO_VALUE_ON_ZERO' */;
/*!40111 SET @OLD_SQL_NOTES=@@SQL_NOTES, SQL_NOTES=0 */;

--
-- Table structure for table `alias`
--

DROP TABLE IF EXISTS `alias`;
/*!40101 SET @saved_cs_client     = @@character_set_client */;
/*!40101 SET character_set_client = utf8mb4 */;
CREATE TABLE `alias` (
  `plot_type_id` int(11) NOT NULL,
  `alias` varchar(16) NOT NULL,
  `model_id` int(11) NOT NULL,
  `thresholds` text NOT NULL,
  `release_event_id` bigint(20) NOT NULL,
  `since_us` bigint(20) NOT NULL,
  PRIMARY KEY (`plot_type_id`,`alias`),
  KEY `ix_alias_model_id` (`model_id`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
/*!40101 SET character_set_client = @saved_cs_client */;

--
-- Dumping data for table `alias`
--

LOCK TABLES `alias` WRITE;
/*!40000 ALTER TABLE `alias` DISABLE KEYS */;
INSERT INTO `alias` VALUES
(1,'active',1,'{}',3,1795711850201062),
(2,'active',1,'{}',1,1795711850198734),
(3,'active',1,'{}',2,1795711850200076);
/*!40000 ALTER TABLE `alias` ENABLE KEYS */;
UNLOCK TABLES;

--
-- Table structure for table `catalog_event`
--

DROP TABLE IF EXISTS `catalog_event`;
/*!40101 SET @saved_cs_client     = @@character_set_client */;
/*!40101 SET character_set_client = utf8mb4 */;
CREATE TABLE `catalog_event` (
  `id` bigint(20) NOT NULL AUTO_INCREMENT,
  `at_us` bigint(20) NOT NULL,
  `who` varchar(128) NOT NULL,
  `why` text NOT NULL,
  `subject` varchar(192) NOT NULL,
  `before` mediumtext DEFAULT NULL,
  `after` mediumtext DEFAULT NULL,
  PRIMARY KEY (`id`),
  KEY `ix_catalog_event_subject_id` (`subject`,`id`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
/*!40101 SET character_set_client = @saved_cs_client */;

--
-- Dumping data for table `catalog_event`
--

LOCK TABLES `catalog_event` WRITE;
/*!40000 ALTER TABLE `catalog_event` DISABLE KEYS */;
/*!40000 ALTER TABLE `catalog_event` ENABLE KEYS */;
UNLOCK TABLES;

--
-- Table structure for table `conditions`
--

DROP TABLE IF EXISTS `conditions`;
/*!40101 SET @saved_cs_client     = @@character_set_client */;
/*!40101 SET character_set_client = utf8mb4 */;
CREATE TABLE `conditions` (
  `id` binary(16) NOT NULL,
  `body` text NOT NULL,
  PRIMARY KEY (`id`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
/*!40101 SET character_set_client = @saved_cs_client */;

--
-- Dumping data for table `conditions`
--

LOCK TABLES `conditions` WRITE;
/*!40000 ALTER TABLE `conditions` DISABLE KEYS */;
/*!40000 ALTER TABLE `conditions` ENABLE KEYS */;
UNLOCK TABLES;

--
-- Table structure for table `counter`
--

DROP TABLE IF EXISTS `counter`;
/*!40101 SET @saved_cs_client     = @@character_set_client */;
/*!40101 SET character_set_client = utf8mb4 */;
CREATE TABLE `counter` (
  `name` varchar(64) NOT NULL,
  `value` bigint(20) NOT NULL,
  PRIMARY KEY (`name`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
/*!40101 SET character_set_client = @saved_cs_client */;

--
-- Dumping data for table `counter`
--

LOCK TABLES `counter` WRITE;
/*!40000 ALTER TABLE `counter` DISABLE KEYS */;
INSERT INTO `counter` VALUES
('commits',2),
('generation',3);
/*!40000 ALTER TABLE `counter` ENABLE KEYS */;
UNLOCK TABLES;

--
-- Table structure for table `daily`
--

DROP TABLE IF EXISTS `daily`;
/*!40101 SET @saved_cs_client     = @@character_set_client */;
/*!40101 SET character_set_client = utf8mb4 */;
CREATE TABLE `daily` (
  `day` int(11) NOT NULL,
  `plot_type_id` int(11) NOT NULL,
  `outcome` varchar(48) NOT NULL,
  `images` bigint(20) NOT NULL,
  PRIMARY KEY (`day`,`plot_type_id`,`outcome`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
/*!40101 SET character_set_client = @saved_cs_client */;

--
-- Dumping data for table `daily`
--

LOCK TABLES `daily` WRITE;
/*!40000 ALTER TABLE `daily` DISABLE KEYS */;
INSERT INTO `daily` VALUES
(20783,1,'Unconfirmed',2),
(20783,2,'Unconfirmed',2),
(20783,3,'Unconfirmed',2),
(20783,4,'NoModel',2);
/*!40000 ALTER TABLE `daily` ENABLE KEYS */;
UNLOCK TABLES;

--
-- Table structure for table `dead_letter`
--

DROP TABLE IF EXISTS `dead_letter`;
/*!40101 SET @saved_cs_client     = @@character_set_client */;
/*!40101 SET character_set_client = utf8mb4 */;
CREATE TABLE `dead_letter` (
  `id` binary(16) NOT NULL,
  `message_id` text NOT NULL,
  `stage` varchar(64) NOT NULL,
  `event` varchar(128) NOT NULL,
  `reason` varchar(64) NOT NULL,
  `error` text NOT NULL,
  `attempts` int(11) NOT NULL,
  `size_bytes` bigint(20) NOT NULL,
  `buried_us` bigint(20) NOT NULL,
  `plot_type_id` int(11) DEFAULT NULL,
  `run` bigint(20) DEFAULT NULL,
  `chunk` bigint(20) DEFAULT NULL,
  `image_id` binary(24) DEFAULT NULL,
  `handled` varchar(32) DEFAULT NULL,
  `handled_us` bigint(20) DEFAULT NULL,
  `commit_no` bigint(20) NOT NULL,
  PRIMARY KEY (`id`),
  KEY `ix_dead_letter_buried_us_id` (`buried_us`,`id`),
  KEY `ix_dead_letter_plot_type_id_buried_us` (`plot_type_id`,`buried_us`),
  KEY `ix_dead_letter_handled_buried_us` (`handled`,`buried_us`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
/*!40101 SET character_set_client = @saved_cs_client */;

--
-- Dumping data for table `dead_letter`
--

LOCK TABLES `dead_letter` WRITE;
/*!40000 ALTER TABLE `dead_letter` DISABLE KEYS */;
/*!40000 ALTER TABLE `dead_letter` ENABLE KEYS */;
UNLOCK TABLES;

--
-- Table structure for table `detector`
--

DROP TABLE IF EXISTS `detector`;
/*!40101 SET @saved_cs_client     = @@character_set_client */;
/*!40101 SET character_set_client = utf8mb4 */;
CREATE TABLE `detector` (
  `id` int(11) NOT NULL AUTO_INCREMENT,
  `name` varchar(128) NOT NULL,
  `position` int(11) NOT NULL,
  `contact` text NOT NULL,
  `guidance` text NOT NULL,
  PRIMARY KEY (`id`),
  UNIQUE KEY `uq_detector_name` (`name`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
/*!40101 SET character_set_client = @saved_cs_client */;

--
-- Dumping data for table `detector`
--

LOCK TABLES `detector` WRITE;
/*!40000 ALTER TABLE `detector` DISABLE KEYS */;
/*!40000 ALTER TABLE `detector` ENABLE KEYS */;
UNLOCK TABLES;

--
-- Table structure for table `embedding`
--

DROP TABLE IF EXISTS `embedding`;
/*!40101 SET @saved_cs_client     = @@character_set_client */;
/*!40101 SET character_set_client = utf8mb4 */;
CREATE TABLE `embedding` (
  `image_id` binary(24) NOT NULL,
  `model_id` int(11) NOT NULL,
  `features` blob NOT NULL,
  PRIMARY KEY (`image_id`,`model_id`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
/*!40101 SET character_set_client = @saved_cs_client */;

--
-- Dumping data for table `embedding`
--

LOCK TABLES `embedding` WRITE;
/*!40000 ALTER TABLE `embedding` DISABLE KEYS */;
/*!40000 ALTER TABLE `embedding` ENABLE KEYS */;
UNLOCK TABLES;

--
-- Table structure for table `garbage`
--

DROP TABLE IF EXISTS `garbage`;
/*!40101 SET @saved_cs_client     = @@character_set_client */;
/*!40101 SET character_set_client = utf8mb4 */;
CREATE TABLE `garbage` (
  `hash` binary(32) NOT NULL,
  `since_us` bigint(20) NOT NULL,
  PRIMARY KEY (`hash`),
  KEY `ix_garbage_since_us` (`since_us`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
/*!40101 SET character_set_client = @saved_cs_client */;

--
-- Dumping data for table `garbage`
--

LOCK TABLES `garbage` WRITE;
/*!40000 ALTER TABLE `garbage` DISABLE KEYS */;
/*!40000 ALTER TABLE `garbage` ENABLE KEYS */;
UNLOCK TABLES;

--
-- Table structure for table `heartbeat`
--

DROP TABLE IF EXISTS `heartbeat`;
/*!40101 SET @saved_cs_client     = @@character_set_client */;
/*!40101 SET character_set_client = utf8mb4 */;
CREATE TABLE `heartbeat` (
  `instance` varchar(128) NOT NULL,
  `role` varchar(32) NOT NULL,
  `version` varchar(64) NOT NULL,
  `started_us` bigint(20) NOT NULL,
  `beat_us` bigint(20) NOT NULL,
  `ready` tinyint(1) NOT NULL,
  `body` mediumtext NOT NULL,
  PRIMARY KEY (`instance`,`role`),
  KEY `ix_heartbeat_role_beat_us` (`role`,`beat_us`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
/*!40101 SET character_set_client = @saved_cs_client */;

--
-- Dumping data for table `heartbeat`
--

LOCK TABLES `heartbeat` WRITE;
/*!40000 ALTER TABLE `heartbeat` DISABLE KEYS */;
INSERT INTO `heartbeat` VALUES
('gradcam-host-13938','gradcam','0.1.0',1795711850366867,1795711855419839,1,'{\"components\":{\"broker\":null},\"queues\":{\"gradcam\":{\"ready\":0,\"dead\":0,\"consumers\":1}},\"stages\":{\"gradcam\":{\"messages\":{\"done\":6},\"work\":{\"counts\":[0,1,3,2,0,0,0,0,0,0,0,0,0,0,0],\"sum_us\":50904},\"lag\":{\"counts\":[0,0,0,0,0,4,2,0,0,0,0,0,0,0,0],\"sum_us\":564045}}},\"models\":[]}'),
('infer-host-13937','infer','0.1.0',1795711850419252,1795711855497873,1,'{\"components\":{\"broker\":null,\"models\":null},\"queues\":{\"infer\":{\"ready\":0,\"dead\":0,\"consumers\":1}},\"stages\":{\"infer\":{\"messages\":{\"done\":8},\"work\":{\"counts\":[6,2,0,0,0,0,0,0,0,0,0,0,0,0,0],\"sum_us\":5613},\"lag\":{\"counts\":[0,0,0,0,8,0,0,0,0,0,0,0,0,0,0],\"sum_us\":355286}}},\"models\":[]}'),
('ingest-host-13935','ingest','0.1.0',1795711850272692,1795711855427865,1,'{\"components\":{\"broker\":null},\"queues\":{\"ingest\":{\"ready\":0,\"dead\":0,\"consumers\":1}},\"stages\":{\"ingest\":{\"messages\":{\"done\":8},\"work\":{\"counts\":[0,0,0,8,0,0,0,0,0,0,0,0,0,0,0],\"sum_us\":165784},\"lag\":{\"counts\":[0,0,0,0,0,0,0,0,0,0,0,0,0,0,0],\"sum_us\":0}}},\"models\":[]}'),
('keep-host-13939','keep','0.1.0',1795711850273965,1795711855315066,1,'{\"components\":{\"broker\":null},\"queues\":{\"keep\":{\"ready\":0,\"dead\":0,\"consumers\":1}},\"stages\":{\"keep\":{\"messages\":{\"done\":14},\"work\":{\"counts\":[0,0,14,0,0,0,0,0,0,0,0,0,0,0,0],\"sum_us\":53478},\"lag\":{\"counts\":[0,0,0,0,0,7,1,0,0,0,0,0,0,0,0],\"sum_us\":788087}}},\"models\":[]}'),
('resize-host-13936','resize','0.1.0',1795711850286229,1795711855425841,1,'{\"components\":{\"broker\":null},\"queues\":{\"resize\":{\"ready\":0,\"dead\":0,\"consumers\":1}},\"stages\":{\"resize\":{\"messages\":{\"done\":8},\"work\":{\"counts\":[0,2,6,0,0,0,0,0,0,0,0,0,0,0,0],\"sum_us\":36728},\"lag\":{\"counts\":[0,0,0,4,4,0,0,0,0,0,0,0,0,0,0],\"sum_us\":260563}}},\"models\":[]}');
/*!40000 ALTER TABLE `heartbeat` ENABLE KEYS */;
UNLOCK TABLES;

--
-- Table structure for table `heatmap`
--

DROP TABLE IF EXISTS `heatmap`;
/*!40101 SET @saved_cs_client     = @@character_set_client */;
/*!40101 SET character_set_client = utf8mb4 */;
CREATE TABLE `heatmap` (
  `image_id` binary(24) NOT NULL,
  `model_id` int(11) NOT NULL,
  `label` varchar(48) NOT NULL,
  `map` binary(32) NOT NULL,
  `method` varchar(32) NOT NULL,
  `maximum` float NOT NULL,
  `made_us` bigint(20) NOT NULL,
  `commit_no` bigint(20) NOT NULL,
  PRIMARY KEY (`image_id`,`model_id`,`label`),
  KEY `ix_heatmap_commit_no` (`commit_no`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
/*!40101 SET character_set_client = @saved_cs_client */;

--
-- Dumping data for table `heatmap`
--

LOCK TABLES `heatmap` WRITE;
/*!40000 ALTER TABLE `heatmap` DISABLE KEYS */;
INSERT INTO `heatmap` VALUES
(0x000003E800000000510BD9A2EBC1E4D972C779D7CCC383C7,1,'Good',0x1A06AA5CF0531072B3CC95B9965D468D1DA7B826808B28F41B5C11C3B36CE01C,'grad-cam',0.0115734,1795711850760195,2),
(0x000003E800000001137195C8CD911112AB216A37C8F8F456,1,'Good',0x6A0D31D4B070263CF48B2142184BC1A3E390508C30BA22FD945E9CE7CCA1E29E,'grad-cam',0.00710404,1795711850760195,2),
(0x000003E800000002AEAC78AD24EF54A9CFF58AD1F340ABD1,1,'Good',0xA0DDF19A73BD535A2C0C5255CEB17CC1F6E979793AC09211052C7838B877470C,'grad-cam',0.00342579,1795711850760195,2),
(0x000003E8000000049D5421C02C19A3727FA2D7654931AAAD,1,'Good',0x002D1130CDD43EC853C7C6072C806A31303ED82EA6AAE49BDEAB9B478C703CBF,'grad-cam',0.00131578,1795711850760195,2),
(0x000003E800000005A850027258E2B01C0FA1B18C6ABC8B31,1,'Good',0xB69FE7BA57834BD36BB8B151E8C2C950B43068AC67E044DEC5E84857D55FC92C,'grad-cam',0.013178,1795711850760195,2),
(0x000003E8000000062B2F6612C6745AC124944D0E3AFEB77C,1,'Good',0x6325B71F89DCEC32C947259CE70DB17907BDC7BE315CB2CF94E1BE1D464AE041,'grad-cam',0.0056031,1795711850760195,2);
/*!40000 ALTER TABLE `heatmap` ENABLE KEYS */;
UNLOCK TABLES;

--
-- Table structure for table `image`
--

DROP TABLE IF EXISTS `image`;
/*!40101 SET @saved_cs_client     = @@character_set_client */;
/*!40101 SET character_set_client = utf8mb4 */;
CREATE TABLE `image` (
  `id` binary(24) NOT NULL,
  `plot_type_id` int(11) NOT NULL,
  `run` bigint(20) NOT NULL,
  `chunk` bigint(20) DEFAULT NULL,
  `taken_us` bigint(20) NOT NULL,
  `arrived_us` bigint(20) NOT NULL,
  `committed_us` bigint(20) NOT NULL,
  `commit_no` bigint(20) NOT NULL,
  `content` binary(32) NOT NULL,
  `thumbnail` binary(32) DEFAULT NULL,
  `width` int(11) NOT NULL,
  `height` int(11) NOT NULL,
  `size_bytes` bigint(20) NOT NULL,
  `source` varchar(255) NOT NULL,
  `conditions_id` binary(16) DEFAULT NULL,
  `beam` double DEFAULT NULL,
  `kept` tinyint(1) NOT NULL,
  `stored` tinyint(1) NOT NULL,
  `no_verdict_reason` varchar(255) DEFAULT NULL,
  PRIMARY KEY (`id`),
  KEY `ix_image_plot_type_id_taken_us_id` (`plot_type_id`,`taken_us`,`id`),
  KEY `ix_image_commit_no` (`commit_no`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
/*!40101 SET character_set_client = @saved_cs_client */;

--
-- Dumping data for table `image`
--

LOCK TABLES `image` WRITE;
/*!40000 ALTER TABLE `image` DISABLE KEYS */;
INSERT INTO `image` VALUES
(0x000003E800000000510BD9A2EBC1E4D972C779D7CCC383C7,2,1000,0,1795711850601749,1795711850601749,1795711850706729,1,0x95F00DD1026AC7A021AE654197FA80AD5EE50E116F09E27168EC3BC5E8BF676E,0x95F00DD1026AC7A021AE654197FA80AD5EE50E116F09E27168EC3BC5E8BF676E,24,20,1528,'test',NULL,NULL,1,1,NULL),
(0x000003E800000001137195C8CD911112AB216A37C8F8F456,3,1000,1,1795711850602144,1795711850602144,1795711850706729,1,0x275B48849996FDD596AEA86EBB028263281108E346E224044ED1D35169A4126B,0x275B48849996FDD596AEA86EBB028263281108E346E224044ED1D35169A4126B,24,20,1528,'test',NULL,NULL,1,1,NULL),
(0x000003E800000002AEAC78AD24EF54A9CFF58AD1F340ABD1,1,1000,2,1795711850601202,1795711850601202,1795711850706729,1,0xB3356ADA74641E07FAFA87E075CE256B3A7574246172AA374815026E28097D9F,0xB3356ADA74641E07FAFA87E075CE256B3A7574246172AA374815026E28097D9F,24,20,1528,'test',NULL,NULL,1,1,NULL),
(0x000003E8000000037EFF2FFEC42B00EB964E667AED7E6392,4,1000,3,1795711850599310,1795711850599310,1795711850706729,1,0x5C294AE7B43F6F53F3FB7ED44E902970C1B351F1496CC98C5A5C059245E66B1A,0x5C294AE7B43F6F53F3FB7ED44E902970C1B351F1496CC98C5A5C059245E66B1A,24,20,1353,'test',NULL,NULL,1,1,'no model'),
(0x000003E8000000049D5421C02C19A3727FA2D7654931AAAD,2,1000,4,1795711850601067,1795711850601067,1795711850706729,1,0xB52FBD9C559FC73739AAE259123DCD28DDDAAE5A4790559540C8DD8C707363CC,0xB52FBD9C559FC73739AAE259123DCD28DDDAAE5A4790559540C8DD8C707363CC,24,20,1087,'test',NULL,NULL,1,1,NULL),
(0x000003E800000005A850027258E2B01C0FA1B18C6ABC8B31,3,1000,5,1795711850601313,1795711850601313,1795711850706729,1,0xC3C89B5C4A62B5F7B2A25C84BB609F94A30175F1F3B3430ECC365296BA5EE332,0xC3C89B5C4A62B5F7B2A25C84BB609F94A30175F1F3B3430ECC365296BA5EE332,24,20,1528,'test',NULL,NULL,1,1,NULL),
(0x000003E8000000062B2F6612C6745AC124944D0E3AFEB77C,1,1000,6,1795711850601670,1795711850601670,1795711850706729,1,0x266E3ECDC9782F47C7A3377583EE98F01B83C6A4B20122B28AD8DEA21AC3E2AA,0x266E3ECDC9782F47C7A3377583EE98F01B83C6A4B20122B28AD8DEA21AC3E2AA,24,20,1528,'test',NULL,NULL,1,1,NULL),
(0x000003E8000000074A9A97BEABAAB2D3AA817C6714A20031,4,1000,7,1795711850601226,1795711850601226,1795711850706729,1,0x0E7EE96B2339D9C46586B2A469F11AD8E9D1B3F3EA65948C15EE2F00855AB5C0,0x0E7EE96B2339D9C46586B2A469F11AD8E9D1B3F3EA65948C15EE2F00855AB5C0,24,20,1528,'test',NULL,NULL,1,1,'no model');
/*!40000 ALTER TABLE `image` ENABLE KEYS */;
UNLOCK TABLES;

--
-- Table structure for table `label`
--

DROP TABLE IF EXISTS `label`;
/*!40101 SET @saved_cs_client     = @@character_set_client */;
/*!40101 SET character_set_client = utf8mb4 */;
CREATE TABLE `label` (
  `image_id` binary(24) NOT NULL,
  `plot_type_id` int(11) NOT NULL,
  `label` varchar(48) NOT NULL,
  `taken_us` bigint(20) NOT NULL,
  `who` varchar(128) NOT NULL,
  `at_us` bigint(20) NOT NULL,
  `label_event_id` bigint(20) NOT NULL,
  PRIMARY KEY (`image_id`),
  KEY `ix_label_plot_type_id_label_taken_us` (`plot_type_id`,`label`,`taken_us`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
/*!40101 SET character_set_client = @saved_cs_client */;

--
-- Dumping data for table `label`
--

LOCK TABLES `label` WRITE;
/*!40000 ALTER TABLE `label` DISABLE KEYS */;
/*!40000 ALTER TABLE `label` ENABLE KEYS */;
UNLOCK TABLES;

--
-- Table structure for table `label_event`
--

DROP TABLE IF EXISTS `label_event`;
/*!40101 SET @saved_cs_client     = @@character_set_client */;
/*!40101 SET character_set_client = utf8mb4 */;
CREATE TABLE `label_event` (
  `id` bigint(20) NOT NULL AUTO_INCREMENT,
  `image_id` binary(24) NOT NULL,
  `plot_type_id` int(11) NOT NULL,
  `label` varchar(48) DEFAULT NULL,
  `who` varchar(128) NOT NULL,
  `why` text NOT NULL,
  `at_us` bigint(20) NOT NULL,
  PRIMARY KEY (`id`),
  KEY `ix_label_event_image_id_id` (`image_id`,`id`),
  KEY `ix_label_event_plot_type_id_id` (`plot_type_id`,`id`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
/*!40101 SET character_set_client = @saved_cs_client */;

--
-- Dumping data for table `label_event`
--

LOCK TABLES `label_event` WRITE;
/*!40000 ALTER TABLE `label_event` DISABLE KEYS */;
/*!40000 ALTER TABLE `label_event` ENABLE KEYS */;
UNLOCK TABLES;

--
-- Table structure for table `latest`
--

DROP TABLE IF EXISTS `latest`;
/*!40101 SET @saved_cs_client     = @@character_set_client */;
/*!40101 SET character_set_client = utf8mb4 */;
CREATE TABLE `latest` (
  `plot_type_id` int(11) NOT NULL,
  `image_id` binary(24) NOT NULL,
  `taken_us` bigint(20) NOT NULL,
  `commit_no` bigint(20) NOT NULL,
  PRIMARY KEY (`plot_type_id`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
/*!40101 SET character_set_client = @saved_cs_client */;

--
-- Dumping data for table `latest`
--

LOCK TABLES `latest` WRITE;
/*!40000 ALTER TABLE `latest` DISABLE KEYS */;
INSERT INTO `latest` VALUES
(1,0x000003E8000000062B2F6612C6745AC124944D0E3AFEB77C,1795711850601670,1),
(2,0x000003E800000000510BD9A2EBC1E4D972C779D7CCC383C7,1795711850601749,1),
(3,0x000003E800000001137195C8CD911112AB216A37C8F8F456,1795711850602144,1),
(4,0x000003E8000000074A9A97BEABAAB2D3AA817C6714A20031,1795711850601226,1);
/*!40000 ALTER TABLE `latest` ENABLE KEYS */;
UNLOCK TABLES;

--
-- Table structure for table `lease`
--

DROP TABLE IF EXISTS `lease`;
/*!40101 SET @saved_cs_client     = @@character_set_client */;
/*!40101 SET character_set_client = utf8mb4 */;
CREATE TABLE `lease` (
  `name` varchar(64) NOT NULL,
  `holder` varchar(128) NOT NULL,
  `until_us` bigint(20) NOT NULL,
  PRIMARY KEY (`name`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
/*!40101 SET character_set_client = @saved_cs_client */;

--
-- Dumping data for table `lease`
--

LOCK TABLES `lease` WRITE;
/*!40000 ALTER TABLE `lease` DISABLE KEYS */;
INSERT INTO `lease` VALUES
('relay','host-13939',0);
/*!40000 ALTER TABLE `lease` ENABLE KEYS */;
UNLOCK TABLES;

--
-- Table structure for table `model`
--

DROP TABLE IF EXISTS `model`;
/*!40101 SET @saved_cs_client     = @@character_set_client */;
/*!40101 SET character_set_client = utf8mb4 */;
CREATE TABLE `model` (
  `id` int(11) NOT NULL AUTO_INCREMENT,
  `digest` binary(32) NOT NULL,
  `architecture` varchar(64) NOT NULL,
  `parent` binary(32) DEFAULT NULL,
  `inputs` text NOT NULL,
  `manifest` mediumtext NOT NULL,
  `evaluation` mediumtext DEFAULT NULL,
  `created_us` bigint(20) NOT NULL,
  PRIMARY KEY (`id`),
  UNIQUE KEY `uq_model_digest` (`digest`)
) ENGINE=InnoDB AUTO_INCREMENT=2 DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
/*!40101 SET character_set_client = @saved_cs_client */;

--
-- Dumping data for table `model`
--

LOCK TABLES `model` WRITE;
/*!40000 ALTER TABLE `model` DISABLE KEYS */;
INSERT INTO `model` VALUES
(1,0x3659D5CC0ADFD88C19649A21857D57FED221859C10C3B1D70C27975706796203,'imported',NULL,'[{\"width\":24,\"height\":20,\"channels\":3,\"letterbox\":false}]','{\"schema\":1,\"plot_type\":null,\"labels\":[\"Good\",\"Bad\",\"Hot\"],\"graphs\":{\"network\":\"7801ebb06d9b6837083562e3c1c5b94064fe8919a4ee07594f358d60b817175b\"},\"input\":{\"name\":\"image\",\"width\":24,\"height\":20,\"channels\":3,\"layout\":\"nchw\",\"batch\":\"any\",\"letterbox\":false,\"normalisation\":{\"scale\":0.003921569,\"mean\":[0.0],\"std\":[1.0]}},\"output\":{\"scores\":\"scores\",\"kind\":\"logits\",\"embedding\":null},\"temperature\":1.0,\"thresholds\":{},\"explain\":{\"kind\":\"tail\",\"method\":\"grad-cam\",\"maps\":\"relu2\",\"graph\":\"c1889fe8121110ab7f4552cb304e0c35ec9042c2083e333b410d0e2d29b9d8c9\"},\"novelty\":null,\"training_set\":null,\"evaluation\":null,\"parent\":null,\"architecture\":\"imported\",\"created_at\":\"2026-01-01T00:00:00Z\"}',NULL,1795711850191078);
/*!40000 ALTER TABLE `model` ENABLE KEYS */;
UNLOCK TABLES;

--
-- Table structure for table `model_label`
--

DROP TABLE IF EXISTS `model_label`;
/*!40101 SET @saved_cs_client     = @@character_set_client */;
/*!40101 SET character_set_client = utf8mb4 */;
CREATE TABLE `model_label` (
  `model_id` int(11) NOT NULL,
  `position` smallint(6) NOT NULL,
  `label` varchar(48) NOT NULL,
  PRIMARY KEY (`model_id`,`position`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
/*!40101 SET character_set_client = @saved_cs_client */;

--
-- Dumping data for table `model_label`
--

LOCK TABLES `model_label` WRITE;
/*!40000 ALTER TABLE `model_label` DISABLE KEYS */;
INSERT INTO `model_label` VALUES
(1,0,'Good'),
(1,1,'Bad'),
(1,2,'Hot');
/*!40000 ALTER TABLE `model_label` ENABLE KEYS */;
UNLOCK TABLES;

--
-- Table structure for table `model_plot_type`
--

DROP TABLE IF EXISTS `model_plot_type`;
/*!40101 SET @saved_cs_client     = @@character_set_client */;
/*!40101 SET character_set_client = utf8mb4 */;
CREATE TABLE `model_plot_type` (
  `model_id` int(11) NOT NULL,
  `plot_type_id` int(11) NOT NULL,
  PRIMARY KEY (`model_id`,`plot_type_id`),
  KEY `ix_model_plot_type_plot_type_id_model_id` (`plot_type_id`,`model_id`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
/*!40101 SET character_set_client = @saved_cs_client */;

--
-- Dumping data for table `model_plot_type`
--

LOCK TABLES `model_plot_type` WRITE;
/*!40000 ALTER TABLE `model_plot_type` DISABLE KEYS */;
INSERT INTO `model_plot_type` VALUES
(1,1),
(1,2),
(1,3);
/*!40000 ALTER TABLE `model_plot_type` ENABLE KEYS */;
UNLOCK TABLES;

--
-- Table structure for table `news`
--

DROP TABLE IF EXISTS `news`;
/*!40101 SET @saved_cs_client     = @@character_set_client */;
/*!40101 SET character_set_client = utf8mb4 */;
CREATE TABLE `news` (
  `id` int(11) NOT NULL AUTO_INCREMENT,
  `position` int(11) NOT NULL,
  `text` text NOT NULL,
  `since_us` bigint(20) DEFAULT NULL,
  PRIMARY KEY (`id`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
/*!40101 SET character_set_client = @saved_cs_client */;

--
-- Dumping data for table `news`
--

LOCK TABLES `news` WRITE;
/*!40000 ALTER TABLE `news` DISABLE KEYS */;
/*!40000 ALTER TABLE `news` ENABLE KEYS */;
UNLOCK TABLES;

--
-- Table structure for table `outbox`
--

DROP TABLE IF EXISTS `outbox`;
/*!40101 SET @saved_cs_client     = @@character_set_client */;
/*!40101 SET character_set_client = utf8mb4 */;
CREATE TABLE `outbox` (
  `id` bigint(20) NOT NULL AUTO_INCREMENT,
  `queue` varchar(64) NOT NULL,
  `type_name` varchar(128) NOT NULL,
  `body` blob NOT NULL,
  `at_us` bigint(20) NOT NULL,
  PRIMARY KEY (`id`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
/*!40101 SET character_set_client = @saved_cs_client */;

--
-- Dumping data for table `outbox`
--

LOCK TABLES `outbox` WRITE;
/*!40000 ALTER TABLE `outbox` DISABLE KEYS */;
/*!40000 ALTER TABLE `outbox` ENABLE KEYS */;
UNLOCK TABLES;

--
-- Table structure for table `pin`
--

DROP TABLE IF EXISTS `pin`;
/*!40101 SET @saved_cs_client     = @@character_set_client */;
/*!40101 SET character_set_client = utf8mb4 */;
CREATE TABLE `pin` (
  `image_id` binary(24) NOT NULL,
  `reason` varchar(128) NOT NULL,
  `at_us` bigint(20) NOT NULL,
  PRIMARY KEY (`image_id`,`reason`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
/*!40101 SET character_set_client = @saved_cs_client */;

--
-- Dumping data for table `pin`
--

LOCK TABLES `pin` WRITE;
/*!40000 ALTER TABLE `pin` DISABLE KEYS */;
/*!40000 ALTER TABLE `pin` ENABLE KEYS */;
UNLOCK TABLES;

--
-- Table structure for table `plot_type`
--

DROP TABLE IF EXISTS `plot_type`;
/*!40101 SET @saved_cs_client     = @@character_set_client */;
/*!40101 SET character_set_client = utf8mb4 */;
CREATE TABLE `plot_type` (
  `id` int(11) NOT NULL AUTO_INCREMENT,
  `name` varchar(128) NOT NULL,
  `detector_id` int(11) DEFAULT NULL,
  `state` smallint(6) NOT NULL,
  `position` int(11) NOT NULL,
  `spec` mediumtext NOT NULL,
  `created_us` bigint(20) NOT NULL,
  `updated_us` bigint(20) NOT NULL,
  PRIMARY KEY (`id`),
  UNIQUE KEY `uq_plot_type_name` (`name`)
) ENGINE=InnoDB AUTO_INCREMENT=5 DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
/*!40101 SET character_set_client = @saved_cs_client */;

--
-- Dumping data for table `plot_type`
--

LOCK TABLES `plot_type` WRITE;
/*!40000 ALTER TABLE `plot_type` DISABLE KEYS */;
INSERT INTO `plot_type` VALUES
(1,'BCAL_energy',NULL,1,2147483647,'{\"labels\":[],\"bad_labels\":[\"Bad\"],\"cadence_s\":null,\"collect_fraction\":1.0,\"gate\":{},\"retention\":{},\"group\":\"\",\"guidance\":\"\",\"contact\":\"\",\"reference\":null}',1795711850192416,1795711850192416),
(2,'CDC_occupancy',NULL,1,2147483647,'{\"labels\":[],\"bad_labels\":[\"Bad\"],\"cadence_s\":null,\"collect_fraction\":1.0,\"gate\":{},\"retention\":{},\"group\":\"\",\"guidance\":\"\",\"contact\":\"\",\"reference\":null}',1795711850192416,1795711850192416),
(3,'FDC_timing',NULL,1,2147483647,'{\"labels\":[],\"bad_labels\":[\"Bad\"],\"cadence_s\":null,\"collect_fraction\":1.0,\"gate\":{},\"retention\":{},\"group\":\"\",\"guidance\":\"\",\"contact\":\"\",\"reference\":null}',1795711850192416,1795711850192416),
(4,'TOF_unknown',NULL,1,2147483647,'{\"labels\":[],\"bad_labels\":[\"Bad\"],\"cadence_s\":null,\"collect_fraction\":1.0,\"gate\":{},\"retention\":{},\"group\":\"\",\"guidance\":\"\",\"contact\":\"\",\"reference\":null}',1795711850700660,1795711850700660);
/*!40000 ALTER TABLE `plot_type` ENABLE KEYS */;
UNLOCK TABLES;

--
-- Table structure for table `prediction`
--

DROP TABLE IF EXISTS `prediction`;
/*!40101 SET @saved_cs_client     = @@character_set_client */;
/*!40101 SET character_set_client = utf8mb4 */;
CREATE TABLE `prediction` (
  `image_id` binary(24) NOT NULL,
  `model_id` int(11) NOT NULL,
  `plot_type_id` int(11) NOT NULL,
  `role` smallint(6) NOT NULL,
  `taken_us` bigint(20) NOT NULL,
  `label` varchar(48) NOT NULL,
  `confidence` float NOT NULL,
  `threshold` float NOT NULL,
  `state` smallint(6) NOT NULL,
  `kind` smallint(6) NOT NULL,
  `scores` varchar(2048) NOT NULL,
  `p_value` double DEFAULT NULL,
  `note` varchar(255) NOT NULL,
  `work_us` bigint(20) NOT NULL,
  PRIMARY KEY (`image_id`,`model_id`),
  KEY `ix_prediction_plot_type_id_role_taken_us_image_id` (`plot_type_id`,`role`,`taken_us`,`image_id`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
/*!40101 SET character_set_client = @saved_cs_client */;

--
-- Dumping data for table `prediction`
--

LOCK TABLES `prediction` WRITE;
/*!40000 ALTER TABLE `prediction` DISABLE KEYS */;
INSERT INTO `prediction` VALUES
(0x000003E800000000510BD9A2EBC1E4D972C779D7CCC383C7,1,2,0,1795711850601749,'Good',0.497237,0.5,1,3,'[0.49723676,0.42552498,0.07723822]',NULL,'',68),
(0x000003E800000001137195C8CD911112AB216A37C8F8F456,1,3,0,1795711850602144,'Good',0.459825,0.5,1,3,'[0.45982513,0.37660727,0.16356756]',NULL,'',95),
(0x000003E800000002AEAC78AD24EF54A9CFF58AD1F340ABD1,1,1,0,1795711850601202,'Good',0.412686,0.5,1,3,'[0.41268605,0.35287207,0.23444189]',NULL,'',11),
(0x000003E8000000049D5421C02C19A3727FA2D7654931AAAD,1,2,0,1795711850601067,'Good',0.37576,0.5,1,3,'[0.37576026,0.33001179,0.29422796]',NULL,'',122),
(0x000003E800000005A850027258E2B01C0FA1B18C6ABC8B31,1,3,0,1795711850601313,'Good',0.497378,0.5,1,3,'[0.49737793,0.4263397,0.07628234]',NULL,'',13),
(0x000003E8000000062B2F6612C6745AC124944D0E3AFEB77C,1,1,0,1795711850601670,'Good',0.45191,0.5,1,3,'[0.45190954,0.3860244,0.16206604]',NULL,'',165);
/*!40000 ALTER TABLE `prediction` ENABLE KEYS */;
UNLOCK TABLES;

--
-- Table structure for table `release_event`
--

DROP TABLE IF EXISTS `release_event`;
/*!40101 SET @saved_cs_client     = @@character_set_client */;
/*!40101 SET character_set_client = utf8mb4 */;
CREATE TABLE `release_event` (
  `id` bigint(20) NOT NULL AUTO_INCREMENT,
  `at_us` bigint(20) NOT NULL,
  `who` varchar(128) NOT NULL,
  `why` text NOT NULL,
  `plot_type_id` int(11) NOT NULL,
  `action` varchar(16) NOT NULL,
  `model_id` int(11) DEFAULT NULL,
  `thresholds` text NOT NULL,
  PRIMARY KEY (`id`),
  KEY `ix_release_event_plot_type_id_at_us_id` (`plot_type_id`,`at_us`,`id`)
) ENGINE=InnoDB AUTO_INCREMENT=4 DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
/*!40101 SET character_set_client = @saved_cs_client */;

--
-- Dumping data for table `release_event`
--

LOCK TABLES `release_event` WRITE;
/*!40000 ALTER TABLE `release_event` DISABLE KEYS */;
INSERT INTO `release_event` VALUES
(1,1795711850198734,'test','test',2,'activate',1,'{}'),
(2,1795711850200076,'test','test',3,'activate',1,'{}'),
(3,1795711850201062,'test','test',1,'activate',1,'{}');
/*!40000 ALTER TABLE `release_event` ENABLE KEYS */;
UNLOCK TABLES;

--
-- Temporary table structure for view `release_mark`
--

DROP TABLE IF EXISTS `release_mark`;
/*!50001 DROP VIEW IF EXISTS `release_mark`*/;
SET @saved_cs_client     = @@character_set_client;
SET character_set_client = utf8mb4;
/*!50001 CREATE VIEW `release_mark` AS SELECT
 NULL AS `plot_type`,
 NULL AS `plot_type_id`,
 NULL AS `at_us`,
 NULL AS `action`,
 NULL AS `who`,
 NULL AS `why`,
 NULL AS `model_id`,
 NULL AS `thresholds` */;
SET character_set_client = @saved_cs_client;

--
-- Table structure for table `retention_mark`
--

DROP TABLE IF EXISTS `retention_mark`;
/*!40101 SET @saved_cs_client     = @@character_set_client */;
/*!40101 SET character_set_client = utf8mb4 */;
CREATE TABLE `retention_mark` (
  `plot_type_id` int(11) NOT NULL,
  `what` smallint(6) NOT NULL,
  `until_us` bigint(20) NOT NULL,
  `until_image` binary(24) NOT NULL,
  `begun_us` bigint(20) NOT NULL,
  PRIMARY KEY (`plot_type_id`,`what`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
/*!40101 SET character_set_client = @saved_cs_client */;

--
-- Dumping data for table `retention_mark`
--

LOCK TABLES `retention_mark` WRITE;
/*!40000 ALTER TABLE `retention_mark` DISABLE KEYS */;
/*!40000 ALTER TABLE `retention_mark` ENABLE KEYS */;
UNLOCK TABLES;

--
-- Table structure for table `run`
--

DROP TABLE IF EXISTS `run`;
/*!40101 SET @saved_cs_client     = @@character_set_client */;
/*!40101 SET character_set_client = utf8mb4 */;
CREATE TABLE `run` (
  `run` bigint(20) NOT NULL,
  `period` varchar(64) NOT NULL,
  `first_us` bigint(20) NOT NULL,
  `last_us` bigint(20) NOT NULL,
  `images` bigint(20) NOT NULL,
  `last_image` binary(24) NOT NULL,
  `conditions_id` binary(16) DEFAULT NULL,
  PRIMARY KEY (`run`),
  KEY `ix_run_last_us_run` (`last_us`,`run`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
/*!40101 SET character_set_client = @saved_cs_client */;

--
-- Dumping data for table `run`
--

LOCK TABLES `run` WRITE;
/*!40000 ALTER TABLE `run` DISABLE KEYS */;
INSERT INTO `run` VALUES
(1000,'',1795711850599310,1795711850602144,8,0x000003E800000001137195C8CD911112AB216A37C8F8F456,NULL);
/*!40000 ALTER TABLE `run` ENABLE KEYS */;
UNLOCK TABLES;

--
-- Table structure for table `run_latency`
--

DROP TABLE IF EXISTS `run_latency`;
/*!40101 SET @saved_cs_client     = @@character_set_client */;
/*!40101 SET character_set_client = utf8mb4 */;
CREATE TABLE `run_latency` (
  `run` bigint(20) NOT NULL,
  `bucket` smallint(6) NOT NULL,
  `images` bigint(20) NOT NULL,
  `sum_us` bigint(20) NOT NULL,
  PRIMARY KEY (`run`,`bucket`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
/*!40101 SET character_set_client = @saved_cs_client */;

--
-- Dumping data for table `run_latency`
--

LOCK TABLES `run_latency` WRITE;
/*!40000 ALTER TABLE `run_latency` DISABLE KEYS */;
INSERT INTO `run_latency` VALUES
(1000,6,8,844151);
/*!40000 ALTER TABLE `run_latency` ENABLE KEYS */;
UNLOCK TABLES;

--
-- Table structure for table `run_outcome`
--

DROP TABLE IF EXISTS `run_outcome`;
/*!40101 SET @saved_cs_client     = @@character_set_client */;
/*!40101 SET character_set_client = utf8mb4 */;
CREATE TABLE `run_outcome` (
  `run` bigint(20) NOT NULL,
  `outcome` varchar(48) NOT NULL,
  `images` bigint(20) NOT NULL,
  PRIMARY KEY (`run`,`outcome`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
/*!40101 SET character_set_client = @saved_cs_client */;

--
-- Dumping data for table `run_outcome`
--

LOCK TABLES `run_outcome` WRITE;
/*!40000 ALTER TABLE `run_outcome` DISABLE KEYS */;
INSERT INTO `run_outcome` VALUES
(1000,'NoModel',2),
(1000,'Unconfirmed',6);
/*!40000 ALTER TABLE `run_outcome` ENABLE KEYS */;
UNLOCK TABLES;

--
-- Temporary table structure for view `score`
--

DROP TABLE IF EXISTS `score`;
/*!50001 DROP VIEW IF EXISTS `score`*/;
SET @saved_cs_client     = @@character_set_client;
SET character_set_client = utf8mb4;
/*!50001 CREATE VIEW `score` AS SELECT
 NULL AS `plot_type`,
 NULL AS `plot_type_id`,
 NULL AS `role`,
 NULL AS `taken_us`,
 NULL AS `image_id`,
 NULL AS `model_id`,
 NULL AS `label`,
 NULL AS `probability` */;
SET character_set_client = @saved_cs_client;

--
-- Table structure for table `seaql_migrations`
--

DROP TABLE IF EXISTS `seaql_migrations`;
/*!40101 SET @saved_cs_client     = @@character_set_client */;
/*!40101 SET character_set_client = utf8mb4 */;
CREATE TABLE `seaql_migrations` (
  `version` varchar(255) NOT NULL,
  `applied_at` bigint(20) NOT NULL,
  PRIMARY KEY (`version`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci;
/*!40101 SET character_set_client = @saved_cs_client */;

--
-- Dumping data for table `seaql_migrations`
--

LOCK TABLES `seaql_migrations` WRITE;
/*!40000 ALTER TABLE `seaql_migrations` DISABLE KEYS */;
INSERT INTO `seaql_migrations` VALUES
('m20261123_schema',1795711850);
/*!40000 ALTER TABLE `seaql_migrations` ENABLE KEYS */;
UNLOCK TABLES;

--
-- Table structure for table `sequence`
--

DROP TABLE IF EXISTS `sequence`;
/*!40101 SET @saved_cs_client     = @@character_set_client */;
/*!40101 SET character_set_client = utf8mb4 */;
CREATE TABLE `sequence` (
  `id` binary(16) NOT NULL,
  `plot_type_id` int(11) NOT NULL,
  `kind` smallint(6) NOT NULL,
  `label` varchar(48) NOT NULL,
  `first_us` bigint(20) NOT NULL,
  `first_image` binary(24) NOT NULL,
  `last_us` bigint(20) NOT NULL,
  `last_image` binary(24) NOT NULL,
  `end_us` bigint(20) DEFAULT NULL,
  `end_image` binary(24) DEFAULT NULL,
  `open` tinyint(1) NOT NULL,
  `images` bigint(20) NOT NULL,
  `commit_no` bigint(20) NOT NULL,
  PRIMARY KEY (`id`),
  KEY `ix_sequence_plot_type_id_kind_first_us_first_image` (`plot_type_id`,`kind`,`first_us`,`first_image`),
  KEY `ix_sequence_last_us_id` (`last_us`,`id`),
  KEY `ix_sequence_open_kind_plot_type_id` (`open`,`kind`,`plot_type_id`),
  KEY `ix_sequence_commit_no` (`commit_no`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
/*!40101 SET character_set_client = @saved_cs_client */;

--
-- Dumping data for table `sequence`
--

LOCK TABLES `sequence` WRITE;
/*!40000 ALTER TABLE `sequence` DISABLE KEYS */;
INSERT INTO `sequence` VALUES
(0x3179C93C9AF329F7410BB845E84879B3,1,3,'Good',1795711850601202,0x000003E800000002AEAC78AD24EF54A9CFF58AD1F340ABD1,1795711850601670,0x000003E8000000062B2F6612C6745AC124944D0E3AFEB77C,NULL,NULL,1,2,1),
(0x781BD0223369CD6F5610C1F6B4657C9C,3,3,'Good',1795711850601313,0x000003E800000005A850027258E2B01C0FA1B18C6ABC8B31,1795711850602144,0x000003E800000001137195C8CD911112AB216A37C8F8F456,NULL,NULL,1,2,1),
(0x9A2D76D89B4FC8DAFEC534F706BE21CF,2,3,'Good',1795711850601067,0x000003E8000000049D5421C02C19A3727FA2D7654931AAAD,1795711850601749,0x000003E800000000510BD9A2EBC1E4D972C779D7CCC383C7,NULL,NULL,1,2,1);
/*!40000 ALTER TABLE `sequence` ENABLE KEYS */;
UNLOCK TABLES;

--
-- Table structure for table `setting`
--

DROP TABLE IF EXISTS `setting`;
/*!40101 SET @saved_cs_client     = @@character_set_client */;
/*!40101 SET character_set_client = utf8mb4 */;
CREATE TABLE `setting` (
  `name` varchar(64) NOT NULL,
  `value` text NOT NULL,
  PRIMARY KEY (`name`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
/*!40101 SET character_set_client = @saved_cs_client */;

--
-- Dumping data for table `setting`
--

LOCK TABLES `setting` WRITE;
/*!40000 ALTER TABLE `setting` DISABLE KEYS */;
/*!40000 ALTER TABLE `setting` ENABLE KEYS */;
UNLOCK TABLES;

--
-- Table structure for table `track`
--

DROP TABLE IF EXISTS `track`;
/*!40101 SET @saved_cs_client     = @@character_set_client */;
/*!40101 SET character_set_client = utf8mb4 */;
CREATE TABLE `track` (
  `plot_type_id` int(11) NOT NULL,
  `kind` smallint(6) NOT NULL,
  `last_us` bigint(20) NOT NULL,
  `last_image` binary(24) NOT NULL,
  `sequence_id` binary(16) DEFAULT NULL,
  PRIMARY KEY (`plot_type_id`,`kind`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
/*!40101 SET character_set_client = @saved_cs_client */;

--
-- Dumping data for table `track`
--

LOCK TABLES `track` WRITE;
/*!40000 ALTER TABLE `track` DISABLE KEYS */;
INSERT INTO `track` VALUES
(1,3,1795711850601670,0x000003E8000000062B2F6612C6745AC124944D0E3AFEB77C,0x3179C93C9AF329F7410BB845E84879B3),
(1,4,1795711850601670,0x000003E8000000062B2F6612C6745AC124944D0E3AFEB77C,NULL),
(2,3,1795711850601749,0x000003E800000000510BD9A2EBC1E4D972C779D7CCC383C7,0x9A2D76D89B4FC8DAFEC534F706BE21CF),
(2,4,1795711850601749,0x000003E800000000510BD9A2EBC1E4D972C779D7CCC383C7,NULL),
(3,3,1795711850602144,0x000003E800000001137195C8CD911112AB216A37C8F8F456,0x781BD0223369CD6F5610C1F6B4657C9C),
(3,4,1795711850602144,0x000003E800000001137195C8CD911112AB216A37C8F8F456,NULL);
/*!40000 ALTER TABLE `track` ENABLE KEYS */;
UNLOCK TABLES;

--
-- Temporary table structure for view `verdict`
--

DROP TABLE IF EXISTS `verdict`;
/*!50001 DROP VIEW IF EXISTS `verdict`*/;
SET @saved_cs_client     = @@character_set_client;
SET character_set_client = utf8mb4;
/*!50001 CREATE VIEW `verdict` AS SELECT
 NULL AS `plot_type`,
 NULL AS `plot_type_id`,
 NULL AS `run`,
 NULL AS `chunk`,
 NULL AS `taken_us`,
 NULL AS `arrived_us`,
 NULL AS `committed_us`,
 NULL AS `image_id`,
 NULL AS `label`,
 NULL AS `confidence`,
 NULL AS `threshold`,
 NULL AS `state`,
 NULL AS `kind`,
 NULL AS `note`,
 NULL AS `no_verdict_reason` */;
SET character_set_client = @saved_cs_client;

--
-- Final view structure for view `release_mark`
--

/*!50001 DROP VIEW IF EXISTS `release_mark`*/;
/*!50001 SET @saved_cs_client          = @@character_set_client */;
/*!50001 SET @saved_cs_results         = @@character_set_results */;
/*!50001 SET @saved_col_connection     = @@collation_connection */;
/*!50001 SET character_set_client      = utf8mb4 */;
/*!50001 SET character_set_results     = utf8mb4 */;
/*!50001 SET collation_connection      = utf8mb4_general_ci */;
/*!50001 CREATE ALGORITHM=UNDEFINED */
/*!50013 DEFINER=`root`@`localhost` SQL SECURITY DEFINER */
/*!50001 VIEW `release_mark` AS select `t`.`name` AS `plot_type`,`r`.`plot_type_id` AS `plot_type_id`,`r`.`at_us` AS `at_us`,`r`.`action` AS `action`,`r`.`who` AS `who`,`r`.`why` AS `why`,`r`.`model_id` AS `model_id`,`r`.`thresholds` AS `thresholds` from (`release_event` `r` join `plot_type` `t` on(`t`.`id` = `r`.`plot_type_id`)) */;
/*!50001 SET character_set_client      = @saved_cs_client */;
/*!50001 SET character_set_results     = @saved_cs_results */;
/*!50001 SET collation_connection      = @saved_col_connection */;

--
-- Final view structure for view `score`
--

/*!50001 DROP VIEW IF EXISTS `score`*/;
/*!50001 SET @saved_cs_client          = @@character_set_client */;
/*!50001 SET @saved_cs_results         = @@character_set_results */;
/*!50001 SET @saved_col_connection     = @@collation_connection */;
/*!50001 SET character_set_client      = utf8mb4 */;
/*!50001 SET character_set_results     = utf8mb4 */;
/*!50001 SET collation_connection      = utf8mb4_general_ci */;
/*!50001 CREATE ALGORITHM=UNDEFINED */
/*!50013 DEFINER=`root`@`localhost` SQL SECURITY DEFINER */
/*!50001 VIEW `score` AS select `t`.`name` AS `plot_type`,`p`.`plot_type_id` AS `plot_type_id`,`p`.`role` AS `role`,`p`.`taken_us` AS `taken_us`,`p`.`image_id` AS `image_id`,`p`.`model_id` AS `model_id`,`l`.`label` AS `label`,json_value(`p`.`scores`,concat('$[',`l`.`position`,']')) + 0e0 AS `probability` from ((`prediction` `p` join `model_label` `l` on(`l`.`model_id` = `p`.`model_id`)) join `plot_type` `t` on(`t`.`id` = `p`.`plot_type_id`)) */;
/*!50001 SET character_set_client      = @saved_cs_client */;
/*!50001 SET character_set_results     = @saved_cs_results */;
/*!50001 SET collation_connection      = @saved_col_connection */;

--
-- Final view structure for view `verdict`
--

/*!50001 DROP VIEW IF EXISTS `verdict`*/;
/*!50001 SET @saved_cs_client          = @@character_set_client */;
/*!50001 SET @saved_cs_results         = @@character_set_results */;
/*!50001 SET @saved_col_connection     = @@collation_connection */;
/*!50001 SET character_set_client      = utf8mb4 */;
/*!50001 SET character_set_results     = utf8mb4 */;
/*!50001 SET collation_connection      = utf8mb4_general_ci */;
/*!50001 CREATE ALGORITHM=UNDEFINED */
/*!50013 DEFINER=`root`@`localhost` SQL SECURITY DEFINER */
/*!50001 VIEW `verdict` AS select `t`.`name` AS `plot_type`,`i`.`plot_type_id` AS `plot_type_id`,`i`.`run` AS `run`,`i`.`chunk` AS `chunk`,`i`.`taken_us` AS `taken_us`,`i`.`arrived_us` AS `arrived_us`,`i`.`committed_us` AS `committed_us`,`i`.`id` AS `image_id`,`p`.`label` AS `label`,`p`.`confidence` AS `confidence`,`p`.`threshold` AS `threshold`,`p`.`state` AS `state`,`p`.`kind` AS `kind`,`p`.`note` AS `note`,`i`.`no_verdict_reason` AS `no_verdict_reason` from ((`image` `i` join `plot_type` `t` on(`t`.`id` = `i`.`plot_type_id`)) left join `prediction` `p` on(`p`.`image_id` = `i`.`id` and `p`.`role` = 0)) */;
/*!50001 SET character_set_client      = @saved_cs_client */;
/*!50001 SET character_set_results     = @saved_cs_results */;
/*!50001 SET collation_connection      = @saved_col_connection */;
/*!40103 SET TIME_ZONE=@OLD_TIME_ZONE */;

/*!40101 SET SQL_MODE=@OLD_SQL_MODE */;
/*!40014 SET FOREIGN_KEY_CHECKS=@OLD_FOREIGN_KEY_CHECKS */;
/*!40014 SET UNIQUE_CHECKS=@OLD_UNIQUE_CHECKS */;
/*!40101 SET CHARACTER_SET_CLIENT=@OLD_CHARACTER_SET_CLIENT */;
/*!40101 SET CHARACTER_SET_RESULTS=@OLD_CHARACTER_SET_RESULTS */;
/*!40101 SET COLLATION_CONNECTION=@OLD_COLLATION_CONNECTION */;
/*!40111 SET SQL_NOTES=@OLD_SQL_NOTES */;

-- Dump completed
