curl --location --request POST 'https://apis.koukoutu.com/v1beta/models/gemini-2.5-flash-image:generateContent' \
--header 'Authorization: Bearer sk-xxxx' \
--header 'Content-Type: application/json' \
--data-raw '{
  "contents": [
    {
      "role": "user",
      "parts": [
        {
          "inline_data": {
            "mime_type": "image/jpg",
            "data": "图二base64</9j/4AAQSkZJRxxxx6xilSlAAAQ...>"
          }
        },
        {
          "inline_data": {
            "mime_type": "image/jpeg",
            "data": "图一base64</9j/4AAQSkZJRxxxx6xilSlAAAQA...>"
          }
        },
        {
          "text": "生成图片:按照图二中的背景替换成图一"
        }
      ]
    }
  ],
  "generationConfig": {
    "responseModalities": [
      "IMAGE"
    ],
    "imageConfig": {
      "aspectRatio": "生成图像的宽高比。可选值:1:1, 3:2, 2:3, 3:4, 4:3, 4:5, 5:4, 9:16, 16:9, 21:9。要是不提供此字段API将默认返回与输入图片最接近的原图比例"
    }
  }
}'
